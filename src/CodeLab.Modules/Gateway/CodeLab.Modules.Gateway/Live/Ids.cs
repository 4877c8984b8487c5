using System.Buffers;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>What ids of clients may look like (security.md §7.2).</summary>
internal static class Ids
{
    private static readonly SearchValues<char> _session = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
    );

    private static readonly SearchValues<char> _id = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-"
    );

    public static bool IsSession(string? id) => id is { Length: > 0 and <= 64 } && !id.AsSpan().ContainsAnyExcept(_session);

    public static bool IsId(string? id) => id is { Length: > 0 and <= 128 } && !id.AsSpan().ContainsAnyExcept(_id);
}
