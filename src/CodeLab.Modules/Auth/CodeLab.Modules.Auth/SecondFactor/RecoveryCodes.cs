using System.Security.Cryptography;
using System.Text;

namespace CodeLab.Modules.Auth.SecondFactor;

/// <summary>
/// Codes that replace a lost authenticator, each once. Made by us with 80 random bits, so that a plain hash keeps them: nobody can try
/// them all, and none is chosen by a person.
/// </summary>
internal static class RecoveryCodes
{
    public const int Number = 10;
    private const int Length = 16;

    // Without 0, 1, i, l, o and u: read from paper, they are taken for each other.
    private const string Alphabet = "23456789abcdefghjkmnpqrstvwxyz";

    /// <summary>A new code as it is shown: four groups of four.</summary>
    public static string New()
    {
        var text = RandomNumberGenerator.GetString(Alphabet, Length);
        return string.Join('-', text.Chunk(4).Select(c => new string(c)));
    }

    /// <summary>What is stored. Bound to the user, so that equal codes of two users do not look alike.</summary>
    public static byte[] Hash(string userId, string code)
    {
        var plain = string.Concat(code.Where(char.IsAsciiLetterOrDigit)).ToLowerInvariant();
        return SHA256.HashData(Encoding.UTF8.GetBytes($"{userId}\n{plain}"));
    }

    public static bool LooksLikeOne(string code) => code.Count(char.IsAsciiLetterOrDigit) == Length && code.Length <= 2 * Length;
}
