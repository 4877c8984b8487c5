using System.Security.Cryptography;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>Ids that nobody can guess: a prefix and 24 random alphanumerics (protocol.md, global conventions).</summary>
internal static class RandomIds
{
    private const string _alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    public static string Make(string prefix) => prefix + RandomNumberGenerator.GetString(_alphabet, 24);
}
