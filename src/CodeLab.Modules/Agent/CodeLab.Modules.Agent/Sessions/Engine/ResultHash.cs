using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace CodeLab.Modules.Agent.Sessions.Engine;

/// <summary>Compares results without keeping them: a repeat of the same result is acknowledged, a different one refused.</summary>
internal static class ResultHash
{
    public static string Of(JsonElement? result, string? error)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        var text = error ?? (result is { } value ? value.GetRawText() : "");
        SHA256.HashData(Encoding.UTF8.GetBytes((error is null ? "r" : "e") + text), hash);
        return Convert.ToHexStringLower(hash[..16]);
    }
}
