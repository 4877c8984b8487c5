namespace CodeLab.Modules.Agent.Approvals;

/// <summary>
/// What is known about rules and rights at the moment a session's calls are judged. Not from the log: what was decided by it is, with the
/// rule's id, so that the log stays true when the rules change.
/// </summary>
/// <param name="Roles">Roles of the session's owner now; null = not asked for (no user store), empty = no rights any more.</param>
/// <param name="Autonomy">The owner's level.</param>
/// <param name="Ceiling">The loosest level the server permits.</param>
/// <param name="Rules">Policy rules in the order of their positions.</param>
/// <param name="Remembered">Decisions the owner remembers for this project and for all sessions.</param>
internal sealed record PolicyContext(
    IReadOnlyList<string>? Roles,
    string Autonomy,
    string Ceiling,
    IReadOnlyList<PolicyRule> Rules,
    IReadOnlyList<RememberedRule> Remembered
)
{
    /// <summary>No rules, and this level.</summary>
    public static PolicyContext Of(string autonomy) => new(null, autonomy, AutonomyLevel.Autonomous, [], []);
}
