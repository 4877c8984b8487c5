namespace CodeLab.Modules.Agent.Sessions.Engine;

/// <summary>Limits of the turn engine (security.md §8.7, protocol.md §4.5 and §5.2).</summary>
internal sealed record EngineLimits
{
    public int QueuedMessages { get; init; } = 10;
    public int MessageCharacters { get; init; } = 100_000;
    public int ParallelCalls { get; init; } = 8;
    public int CallsPerStep { get; init; } = 64;
    public int IdenticalCalls { get; init; } = 3;
    public int DeniedSteps { get; init; } = 3;

    /// <summary>Model steps of a turn whatever the agent allows; 0 = the agent's own limit alone.</summary>
    public int TurnSteps { get; init; }
    public int SwitchesPerTurn { get; init; } = 10;
    public int SwitchesPerSession { get; init; } = 50;
    public int ModelAttempts { get; init; } = 2;
    public int TurnMinutes { get; init; } = 30;
    public int ApprovalTimeoutSeconds { get; init; } = 300;
    public int ApprovalMaxDays { get; init; } = 7;
    public int ResultGraceSeconds { get; init; } = 30;
    public int DetachedHours { get; init; } = 24;
    public int ResultBytes { get; init; } = 256 * 1024;
    public int ContextFileCharacters { get; init; } = 1024 * 1024;
    public string Autonomy { get; init; } = "cautious";

    // Budgets; 0 = none.
    public long TurnTokens { get; init; }
    public long SessionTokens { get; init; }
    public decimal TurnCost { get; init; }
    public decimal SessionCost { get; init; }

    // Tasks and plans; a depth of 0 = none.
    public int TaskDepth { get; init; } = 1;
    public int TasksPerTurn { get; init; } = 8;
    public int TasksAtOnce { get; init; } = 4;
    public int TaskSteps { get; init; } = 20;
    public long TaskTokens { get; init; } = 200_000;
    public int PlanSubtasks { get; init; } = 20;

    /// <summary>Seconds a result is waited for, by tool; the catalogue's where none is given.</summary>
    public IReadOnlyDictionary<string, int> ToolTimeouts { get; init; } = new Dictionary<string, int>();
}
