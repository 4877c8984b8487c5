using System.Buffers;

namespace CodeLab.Modules.Llm.Models;

/// <summary>Model names become parts of URLs and headers, so they are checked (security.md §9.8).</summary>
internal static class ModelName
{
    private static readonly SearchValues<char> _allowed = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@-"
    );

    public static bool IsValid(string name) =>
        name.Length is > 0 and <= 128
        && !name.AsSpan().ContainsAnyExcept(_allowed)
        && !name.Contains("..", StringComparison.Ordinal)
        && !name.Contains("//", StringComparison.Ordinal)
        && name[0] != '/';
}
