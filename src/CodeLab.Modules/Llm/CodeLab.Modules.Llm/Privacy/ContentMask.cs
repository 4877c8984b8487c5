using System.Text.RegularExpressions;
using CodeLab.BuildingBlocks.Secrets;

namespace CodeLab.Modules.Llm.Privacy;

/// <summary>Masks secrets in texts of calls: by their shape, and by the name of the JSON member that holds them.</summary>
internal static partial class ContentMask
{
    public static string Mask(string text) => JsonSecrets().Replace(Redaction.Mask(text), "\"${name}\":\"***\"");

    [GeneratedRegex(
        @"""(?<name>[^""\\]{0,60}(?:key|token|password|passwd|pwd|secret|authorization))""\s*:\s*""(?:[^""\\]|\\.)*""?",
        RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex JsonSecrets();
}
