using System.Text.RegularExpressions;

namespace CodeLab.Modules.Llm.Models;

/// <summary>Chooses among models nobody described.</summary>
internal static partial class ModelChoice
{
    /// <summary>False for names of embedding, speech, image and similar models.</summary>
    public static bool CanChat(string model) => !NoChat().IsMatch(model);

    /// <summary>True for names of families that take images.</summary>
    public static bool CanSee(string model) => Sight().IsMatch(model);

    /// <summary>A model for code when one says so in its name, else a well-known family, else the first.</summary>
    public static string? ForCode(IReadOnlyList<string> chat) =>
        chat.FirstOrDefault(m => Coder().IsMatch(m))
        ?? chat.FirstOrDefault(m => Family().IsMatch(m))
        ?? (chat is [var first, ..] ? first : null);

    [GeneratedRegex(
        "embed|bge-|minilm|rerank|tts|whisper|transcri|audio|realtime|speech|image|dall-e|sora|moderation|guard|search|davinci|babbage|instruct-0914|ocr",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase,
        1000
    )]
    private static partial Regex NoChat();

    [GeneratedRegex(
        @"gpt-4o|gpt-4\.1|gpt-[5-9]|(^|/)o[1-9](?!-mini)|claude-(3|opus|sonnet|haiku)|gemini|vision|llava|pixtral|gemma-?3|[-_]vl\b|qwen[\d.]*-?vl",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Sight();

    [GeneratedRegex("coder|codestral|devstral|code", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase, 1000)]
    private static partial Regex Coder();

    [GeneratedRegex(
        "gpt-oss|qwen[3-9]|claude|deepseek|llama-?[3-9]|mistral|gemini|glm-|kimi|command-r|gemma",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase,
        1000
    )]
    private static partial Regex Family();
}
