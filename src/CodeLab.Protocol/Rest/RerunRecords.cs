using System.Text.Json;

namespace CodeLab.Protocol.Rest;

/// <summary>Body of <c>POST /api/v1/sessions/{id}/rerun</c>; may be absent: then under the rules and prompts of now.</summary>
public sealed record RerunBody
{
    /// <summary>Level of autonomy in place of the owner's, and the loosest there is.</summary>
    public string? Autonomy { get; init; }

    /// <summary>Policy rules in place of the server's; absent = the server's.</summary>
    public IReadOnlyList<PolicyRuleBody>? Rules { get; init; }

    /// <summary>True: another prompt or list of tools counts as a difference. False (default): it is only told.</summary>
    public bool StrictPrompt { get; init; }
}

/// <summary>How a session went when what the model answered and what the tools brought was given once more.</summary>
public sealed record RerunAnswer
{
    /// <summary>The session.</summary>
    public required string SessionId { get; init; }

    /// <summary>True when everything was decided as it had been.</summary>
    public bool Same { get; init; }

    /// <summary>Events of the log.</summary>
    public long Events { get; init; }

    /// <summary>Events that came out as they had been, from the first on.</summary>
    public long Compared { get; init; }

    /// <summary>The first event that came out otherwise; absent when there is none.</summary>
    public RerunDifference? Difference { get; init; }

    /// <summary>The first event with which the model was sent another prompt or list of tools than at that time; absent when there is none.</summary>
    public long? PromptChangedAt { get; init; }
}

/// <summary>Where a session goes another way.</summary>
public sealed record RerunDifference
{
    /// <summary>Place in the log, from 1.</summary>
    public long Seq { get; init; }

    /// <summary>Kind of the event, e.g. <c>tool.allowed</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Kind of what came instead.</summary>
    public string? ActualKind { get; init; }

    /// <summary>What had happened; absent when nothing had.</summary>
    public JsonElement? Expected { get; init; }

    /// <summary>What happens now; absent when nothing does.</summary>
    public JsonElement? Actual { get; init; }

    /// <summary>Why nothing happens, where that is known.</summary>
    public string? Note { get; init; }
}
