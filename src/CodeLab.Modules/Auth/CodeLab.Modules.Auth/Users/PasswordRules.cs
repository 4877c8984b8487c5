using System.Collections.Frozen;

namespace CodeLab.Modules.Auth.Users;

/// <summary>
/// What a new password must be (security.md §3): long, or mixed; not one that everybody tries first; not the user's own name. Asked when a
/// password is set, never at sign-in.
/// </summary>
internal static class PasswordRules
{
    public const int Shortest = 8;
    public const int Longest = 128;
    private const int LongEnoughAlone = 15;
    private const int FewestDifferent = 5;
    private static readonly Lazy<FrozenSet<string>> _common = new(Load);

    /// <summary>What is wrong with a password, as a sentence; null when it will do.</summary>
    public static string? Fault(string password, string userName, string email)
    {
        if (password.Length < Shortest)
            return $"The password is too short: use at least {Shortest} characters.";
        if (password.Length > Longest)
            return $"The password is too long: use at most {Longest} characters.";
        if (password.Length < LongEnoughAlone && !IsMixed(password))
        {
            return $"The password is too simple: use at least {LongEnoughAlone} characters, or at least {Shortest} with an upper-case "
                + "letter, a digit and a special character.";
        }
        if (password.Distinct().Count() < FewestDifferent)
            return "The password repeats too few characters.";
        if (_common.Value.Contains(password.ToLowerInvariant()))
            return "The password is one of the most common ones: choose another.";
        var names = new[] { userName, email, email.Split('@')[0] };
        return names.Any(n => n.Length > 0 && password.Equals(n, StringComparison.OrdinalIgnoreCase))
            ? "The password is the user's own name: choose another."
            : null;
    }

    private static bool IsMixed(string password) =>
        password.Any(char.IsUpper) && password.Any(char.IsDigit) && password.Any(c => !char.IsLetterOrDigit(c));

    private static FrozenSet<string> Load()
    {
        using var stream = typeof(PasswordRules).Assembly.GetManifestResourceStream("common-passwords.txt")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).ToFrozenSet(StringComparer.Ordinal);
    }
}
