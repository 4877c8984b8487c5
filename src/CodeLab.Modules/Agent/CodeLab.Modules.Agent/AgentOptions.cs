using System.ComponentModel.DataAnnotations;
using CodeLab.Modules.Agent.Sessions.Engine;

namespace CodeLab.Modules.Agent;

/// <summary>Settings of the Agent module.</summary>
internal sealed class AgentOptions
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

    /// <summary>Messages that may wait while a turn runs. Default 10.</summary>
    [Range(1, 1000)]
    public int QueuedMessages { get; set; } = 10;

    /// <summary>Characters of one message. Default 100,000.</summary>
    [Range(1, 10_000_000)]
    public int MessageCharacters { get; set; } = 100_000;

    /// <summary>Tool calls that run at once. Default 8.</summary>
    [Range(1, 64)]
    public int ParallelCalls { get; set; } = 8;

    /// <summary>Minutes of work (model and tools, not waiting for people) of one turn. Default 30.</summary>
    [Range(1, 1440)]
    public int TurnMinutes { get; set; } = 30;

    /// <summary>Bytes kept of a tool's result, head and tail. Default 262,144.</summary>
    [Range(1024, 16_777_216)]
    public int ResultBytes { get; set; } = 256 * 1024;

    /// <summary>Tokens of conversation sent to a model at most; older tool outputs are shortened first. Default 100,000.</summary>
    [Range(1_000, 2_000_000)]
    public int ContextTokens { get; set; } = 100_000;

    /// <summary>Minutes after which a session without clients or work leaves memory. Default 5.</summary>
    [Range(1, 1440)]
    public int IdleMinutes { get; set; } = 5;

    /// <summary>Seconds a session's lease lasts without renewal (security.md §11.8). Default 15.</summary>
    [Range(3, 300)]
    public int LeaseSeconds { get; set; } = 15;

    /// <summary>Sessions recovered at once after a start. Default 16.</summary>
    [Range(1, 256)]
    public int RecoverAtOnce { get; set; } = 16;

    /// <summary>The engine's share of these settings.</summary>
    public EngineLimits ToLimits() =>
        new()
        {
            ApprovalTimeoutSeconds = ApprovalTimeoutSeconds,
            Autonomy = Autonomy,
            QueuedMessages = QueuedMessages,
            MessageCharacters = MessageCharacters,
            ParallelCalls = ParallelCalls,
            TurnMinutes = TurnMinutes,
            ResultBytes = ResultBytes,
        };
}
