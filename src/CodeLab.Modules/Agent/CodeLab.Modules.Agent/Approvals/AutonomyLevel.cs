namespace CodeLab.Modules.Agent.Approvals;

/// <summary>How much an agent may do without asking (protocol.md §7.2). Both published families of names are understood.</summary>
internal static class AutonomyLevel
{
    /// <summary>Everything asks, reading too.</summary>
    public const string Paranoid = "paranoid";

    /// <summary>Reading is free, changes and commands ask. The default.</summary>
    public const string Cautious = "cautious";

    /// <summary>As <see cref="Cautious"/>, and commands that can only look are free.</summary>
    public const string Balanced = "balanced";

    /// <summary>Changes to ordinary files and well-known build commands are free; deletion and what always asks is not.</summary>
    public const string Autonomous = "autonomous";

    /// <summary>The level of a name, or null.</summary>
    public static string? Find(string? name) =>
        name?.Trim().ToLowerInvariant() switch
        {
            Paranoid or "strict" => Paranoid,
            Cautious or "medium" => Cautious,
            Balanced => Balanced,
            Autonomous or "permissive" => Autonomous,
            _ => null,
        };

    /// <summary>The stricter of two levels.</summary>
    public static string Stricter(string? left, string? right)
    {
        var (a, b) = (Parse(left), Parse(right));
        return Array.IndexOf(_fromStrict, a) <= Array.IndexOf(_fromStrict, b) ? a : b;
    }

    private static readonly string[] _fromStrict = [Paranoid, Cautious, Balanced, Autonomous];

    /// <summary>The level of a name; <see cref="Cautious"/> when it is none, so that a slip never loosens.</summary>
    public static string Parse(string? name) => Find(name) ?? Cautious;
}
