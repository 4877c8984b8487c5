using Microsoft.ML.Tokenizers;

namespace CodeLab.Modules.Agent.Prompts;

/// <summary>
/// Counts tokens with the o200k vocabulary: exact for current OpenAI models, within about a tenth for others, whose vocabularies are not
/// public or not installed. Loading it takes a moment and some memory, so it is loaded by the first who counts.
/// </summary>
internal static class TokenCounter
{
    // Longer texts are counted in parts: the tokenizer's work grows faster than the text on some inputs.
    private const int _part = 64 * 1024;
    private static readonly Lazy<Tokenizer> _tokenizer = new(() => TiktokenTokenizer.CreateForEncoding("o200k_base"));

    /// <summary>Tokens of a text.</summary>
    public static int Count(string text)
    {
        if (text.Length <= _part)
            return _tokenizer.Value.CountTokens(text);
        var tokens = 0;
        for (var at = 0; at < text.Length; at += _part)
            tokens += _tokenizer.Value.CountTokens(text.AsSpan(at, Math.Min(_part, text.Length - at)));
        return tokens;
    }
}
