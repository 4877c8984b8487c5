using System.Security.Cryptography;

namespace CodeLab.Modules.Auth.Grants.DeviceCode;

/// <summary>
/// Codes that people type (RFC 8628 §6.1): eight of twenty consonants, so that no character is taken for another and no word appears.
/// 2.5 × 10^10 codes against five tries a minute.
/// </summary>
internal static class UserCodes
{
    public const int Length = 8;
    private const string Alphabet = "BCDFGHJKLMNPQRSTVWXZ";

    public static string New() => RandomNumberGenerator.GetString(Alphabet, Length);

    /// <summary>As shown: <c>BCDF-GHJK</c>.</summary>
    public static string Show(string code) => $"{code[..4]}-{code[4..]}";

    /// <summary>What was typed, without what people add or change; null when it cannot be a code.</summary>
    public static string? Normalize(string? typed)
    {
        if (typed is null or { Length: > 64 })
            return null;
        Span<char> code = stackalloc char[Length];
        var length = 0;
        foreach (var c in typed)
        {
            if (char.IsWhiteSpace(c) || c is '-' or '‐' or '–')
                continue;
            var upper = char.ToUpperInvariant(c);
            if (length == Length || !Alphabet.Contains(upper, StringComparison.Ordinal))
                return null;
            code[length++] = upper;
        }
        return length == Length ? new string(code) : null;
    }
}
