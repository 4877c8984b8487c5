using System.ComponentModel.DataAnnotations;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Tools;

namespace CodeLab.Modules.Agent;

/// <summary>Settings of the Agent module.</summary>
internal sealed class AgentOptions : IValidatableObject
{
    public const string Section = "CodeLab:Agent";

    /// <summary>Seconds an approval waits while a client is attached; then the call is rejected. 0 = no limit. Default 300.</summary>
    [Range(0, 604_800)]
    public int ApprovalTimeoutSeconds { get; set; } = 300;

    /// <summary>What runs without asking: <c>paranoid</c>, <c>cautious</c> (default), <c>balanced</c>, <c>autonomous</c>.</summary>
    [RegularExpression(
        "paranoid|cautious|balanced|autonomous",
        ErrorMessage = "CodeLab:Agent:Autonomy is one of paranoid, cautious, balanced, autonomous."
    )]
    public string Autonomy { get; set; } = "cautious";

    /// <summary>The loosest level a user or session may choose; looser wishes count as this one. Default <c>autonomous</c>.</summary>
    [RegularExpression(
        "paranoid|cautious|balanced|autonomous",
        ErrorMessage = "CodeLab:Agent:AutonomyCeiling is one of paranoid, cautious, balanced, autonomous."
    )]
    public string AutonomyCeiling { get; set; } = "autonomous";

    /// <summary>Messages that may wait while a turn runs. Default 10.</summary>
    [Range(1, 1000)]
    public int QueuedMessages { get; set; } = 10;

    /// <summary>Characters of one message. Default 100,000.</summary>
    [Range(1, 10_000_000)]
    public int MessageCharacters { get; set; } = 100_000;

    /// <summary>Tool calls of a session that are open at once; further ones wait. Default 8.</summary>
    [Range(1, 64)]
    public int ParallelCalls { get; set; } = 8;

    /// <summary>Tool calls a model may make in one step; further ones are refused. Default 64.</summary>
    [Range(1, 1000)]
    public int CallsPerStep { get; set; } = 64;

    /// <summary>The same call in a row, or the same round of calls, that is refused. Default 3.</summary>
    [Range(2, 10)]
    public int IdenticalCalls { get; set; } = 3;

    /// <summary>Model steps in a row with nothing but refused calls, after which the turn ends. Default 3.</summary>
    [Range(1, 20)]
    public int DeniedSteps { get; set; } = 3;

    /// <summary>Model steps of a turn, where the agent allows more. 0 (default) = the agent's own limit.</summary>
    [Range(0, 1000)]
    public int TurnSteps { get; set; }

    /// <summary>Times a model may change the agent in one turn. Default 10.</summary>
    [Range(0, 100)]
    public int SwitchesPerTurn { get; set; } = 10;

    /// <summary>Changes of the agent in one session after which models and the router change it no more. Default 50.</summary>
    [Range(1, 10_000)]
    public int SwitchesPerSession { get; set; } = 50;

    /// <summary>Seconds a result is waited for, by tool name; the tool's own time where none is given. Range 1 to 86,400.</summary>
    public Dictionary<string, int> ToolTimeouts { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Seconds on top, for the way back, before a result that does not come is given up. Default 30.</summary>
    [Range(0, 3600)]
    public int ResultGraceSeconds { get; set; } = 30;

    /// <summary>Days an approval waits at most, even while nobody is attached. Default 7.</summary>
    [Range(1, 365)]
    public int ApprovalMaxDays { get; set; } = 7;

    /// <summary>Hours a call waits for a client that went away before its outcome counts as unknown. Default 24.</summary>
    [Range(1, 720)]
    public int DetachedHours { get; set; } = 24;

    /// <summary>Minutes of work (model and tools, not waiting for people) of one turn. Default 30.</summary>
    [Range(1, 1440)]
    public int TurnMinutes { get; set; } = 30;

    /// <summary>Bytes kept of a tool's result, head and tail. Default 262,144.</summary>
    [Range(1024, 16_777_216)]
    public int ResultBytes { get; set; } = 256 * 1024;

    /// <summary>
    /// Tokens of a request at most, prompt and tools included, and never more than 80 % of the model's window where that is known. Older
    /// tool outputs are shortened first, then what is older is summarised. Default 100,000.
    /// </summary>
    [Range(1_000, 2_000_000)]
    public int ContextTokens { get; set; } = 100_000;

    /// <summary>The same by model or alias, in place of <see cref="ContextTokens"/>. Range 1,000 to 10,000,000.</summary>
    public Dictionary<string, int> ModelContextTokens { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Tokens, in and out, that one turn may use. A step that would pass it is not taken. 0 (default) = no budget.</summary>
    [Range(0, long.MaxValue)]
    public long TurnTokens { get; set; }

    /// <summary>Tokens, in and out, that one session may use. 0 (default) = no budget.</summary>
    [Range(0, long.MaxValue)]
    public long SessionTokens { get; set; }

    /// <summary>US dollars one turn may cost, where prices are known. 0 (default) = no budget.</summary>
    [Range(0, 1_000_000)]
    public decimal TurnCost { get; set; }

    /// <summary>US dollars one session may cost, where prices are known. 0 (default) = no budget.</summary>
    [Range(0, 1_000_000)]
    public decimal SessionCost { get; set; }

    /// <summary>Minutes after which a session without clients or work leaves memory. Default 5.</summary>
    [Range(1, 1440)]
    public int IdleMinutes { get; set; } = 5;

    /// <summary>Seconds a session's lease lasts without renewal (security.md §11.8). Default 15.</summary>
    [Range(3, 300)]
    public int LeaseSeconds { get; set; } = 15;

    /// <summary>Sessions recovered at once after a start. Default 16.</summary>
    [Range(1, 256)]
    public int RecoverAtOnce { get; set; } = 16;

    /// <summary>How deep agents may give tasks to sessions of their own: 0 = not at all, 1 (default) = tasks give no tasks.</summary>
    [Range(0, 5)]
    public int TaskDepth { get; set; } = 1;

    /// <summary>Tasks a turn may give. Default 8.</summary>
    [Range(1, 100)]
    public int TasksPerTurn { get; set; } = 8;

    /// <summary>Tasks of a turn at once; they share one workspace. Default 4.</summary>
    [Range(1, 32)]
    public int TasksAtOnce { get; set; } = 4;

    /// <summary>Model steps a task may take; the agent that gives it may say less. Default 20.</summary>
    [Range(1, 1000)]
    public int TaskSteps { get; set; } = 20;

    /// <summary>Tokens, in and out, a task may use; they also count for the turn and the session. 0 = no budget of its own. Default 200,000.</summary>
    [Range(0, long.MaxValue)]
    public long TaskTokens { get; set; } = 200_000;

    /// <summary>Subtasks of a plan. Default 20.</summary>
    [Range(1, 100)]
    public int PlanSubtasks { get; set; } = 20;

    /// <summary>Largest session that is imported, in MiB of its file. Default 256.</summary>
    [Range(1, 10_240)]
    public int ImportMegabytes { get; set; } = 256;

    /// <summary>Longest line of an imported session, in KiB: one event. Default 4,096.</summary>
    [Range(64, 65_536)]
    public int ImportLineKilobytes { get; set; } = 4096;

    /// <summary>Imports at once in one process; further ones are told to come back. Default 4.</summary>
    [Range(1, 64)]
    public int ImportsAtOnce { get; set; } = 4;

    /// <summary>Events of the longest session that is played again: all of it is held while it is. Default 20,000.</summary>
    [Range(100, 1_000_000)]
    public int RerunEvents { get; set; } = 20_000;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var (model, tokens) in ModelContextTokens)
        {
            if (tokens is < 1_000 or > 10_000_000)
                yield return new($"{Section}:ModelContextTokens:{model} must be 1000 to 10000000 tokens.", [nameof(ModelContextTokens)]);
        }
        foreach (var (tool, seconds) in ToolTimeouts)
        {
            if (ToolCatalog.Find(tool) is null)
                yield return new($"{Section}:ToolTimeouts names '{tool}', which is no tool.", [nameof(ToolTimeouts)]);
            if (seconds is < 1 or > 86_400)
                yield return new($"{Section}:ToolTimeouts:{tool} must be 1 to 86400 seconds.", [nameof(ToolTimeouts)]);
        }
    }

    /// <summary>How much of a conversation models are sent.</summary>
    public ContextLimits ToContextLimits() => new() { Tokens = ContextTokens, ModelTokens = ModelContextTokens };

    /// <summary>The engine's share of these settings.</summary>
    public EngineLimits ToLimits() =>
        new()
        {
            ApprovalTimeoutSeconds = ApprovalTimeoutSeconds,
            Autonomy = Autonomy,
            QueuedMessages = QueuedMessages,
            MessageCharacters = MessageCharacters,
            ParallelCalls = ParallelCalls,
            CallsPerStep = CallsPerStep,
            IdenticalCalls = IdenticalCalls,
            DeniedSteps = DeniedSteps,
            TurnSteps = TurnSteps,
            SwitchesPerTurn = SwitchesPerTurn,
            SwitchesPerSession = SwitchesPerSession,
            ToolTimeouts = ToolTimeouts,
            ResultGraceSeconds = ResultGraceSeconds,
            ApprovalMaxDays = ApprovalMaxDays,
            DetachedHours = DetachedHours,
            TurnMinutes = TurnMinutes,
            ResultBytes = ResultBytes,
            TaskDepth = TaskDepth,
            TasksPerTurn = TasksPerTurn,
            TasksAtOnce = TasksAtOnce,
            TaskSteps = TaskSteps,
            TaskTokens = TaskTokens,
            PlanSubtasks = PlanSubtasks,
            TurnTokens = TurnTokens,
            SessionTokens = SessionTokens,
            TurnCost = TurnCost,
            SessionCost = SessionCost,
        };
}
