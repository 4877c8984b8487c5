using System.Collections.Frozen;

namespace CodeLab.Modules.Auth.Users;

/// <summary>What may be wrong with a new password.</summary>
internal enum PasswordFault
{
    TooShort,
    TooLong,
    TooSimple,
    Repeats,
    Common,
    OwnName,
}

/// <summary>
/// What a new password must be (security.md §3): long, or mixed; not one that everybody tries first; not the user's own name. Asked when a
/// password is set, never at sign-in.
/// </summary>
internal static class PasswordRules
{
    public const int Shortest = 8;
    public const int Longest = 128;
    public const int LongEnoughAlone = 15;
    private const int FewestDifferent = 5;
    private static readonly Lazy<FrozenSet<string>> _common = new(Load);

    /// <summary>What is wrong with a password, as a sentence; null when it will do.</summary>
    public static string? Fault(string password, string userName, string email) =>
        Check(password, userName, email) is { } fault ? Sentence(fault) : null;

    /// <summary>The fault a sentence of <see cref="Fault"/> tells of, for pages in other languages; null when it is none of those.</summary>
    public static PasswordFault? KindOf(string sentence)
    {
        foreach (var fault in Enum.GetValues<PasswordFault>())
        {
            if (Sentence(fault) == sentence)
                return fault;
        }
        return null;
    }

    private static PasswordFault? Check(string password, string userName, string email)
    {
        if (password.Length < Shortest)
            return PasswordFault.TooShort;
        if (password.Length > Longest)
            return PasswordFault.TooLong;
        if (password.Length < LongEnoughAlone && !IsMixed(password))
            return PasswordFault.TooSimple;
        if (password.Distinct().Count() < FewestDifferent)
            return PasswordFault.Repeats;
        if (_common.Value.Contains(password.ToLowerInvariant()))
            return PasswordFault.Common;
        var names = new[] { userName, email, email.Split('@')[0] };
        return names.Any(n => n.Length > 0 && password.Equals(n, StringComparison.OrdinalIgnoreCase)) ? PasswordFault.OwnName : null;
    }

    private static string Sentence(PasswordFault fault) =>
        fault switch
        {
            PasswordFault.TooShort => $"The password is too short: use at least {Shortest} characters.",
            PasswordFault.TooLong => $"The password is too long: use at most {Longest} characters.",
            PasswordFault.TooSimple =>
                $"The password is too simple: use at least {LongEnoughAlone} characters, or at least {Shortest} with an upper-case "
                    + "letter, a digit and a special character.",
            PasswordFault.Repeats => "The password repeats too few characters.",
            PasswordFault.Common => "The password is one of the most common ones: choose another.",
            _ => "The password is the user's own name: choose another.",
        };

    private static bool IsMixed(string password) =>
        password.Any(char.IsUpper) && password.Any(char.IsDigit) && password.Any(c => !char.IsLetterOrDigit(c));

    private static FrozenSet<string> Load()
    {
        using var stream = typeof(PasswordRules).Assembly.GetManifestResourceStream("common-passwords.txt")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).ToFrozenSet(StringComparer.Ordinal);
    }
}
