using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.AI;

namespace CodeLab.Modules.Llm.Providers.Demo;

/// <summary>What the demo model sees: the task, the tools offered and what its calls since the task gave.</summary>
internal sealed class DemoConversation
{
    private readonly string _fingerprint;

    private DemoConversation(string fingerprint) => _fingerprint = fingerprint;

    /// <summary>The newest thing a person said.</summary>
    public required string Task { get; init; }

    /// <summary>An answer in JSON with an agent's name is wanted.</summary>
    public required bool IsRouting { get; init; }

    public required IReadOnlySet<string> Tools { get; init; }

    /// <summary>Calls since the task, oldest first, with what they gave.</summary>
    public required IReadOnlyList<DemoStep> Steps { get; init; }

    /// <summary>Length of everything sent.</summary>
    public required long Characters { get; init; }

    public static DemoConversation Read(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        var all = messages.ToList();
        var last = all.FindLastIndex(m => m.Role == ChatRole.User && !string.IsNullOrWhiteSpace(m.Text));
        var results = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var result in all.SelectMany(m => m.Contents).OfType<FunctionResultContent>())
            results[result.CallId] = DemoListing.Unwrap(ToolResultText.Of(result));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long characters = 0;
        foreach (var content in all.SelectMany(m => m.Contents))
        {
            var text = content switch
            {
                TextContent t => t.Text,
                FunctionResultContent r => ToolResultText.Of(r),
                FunctionCallContent c => c.CallId + c.Name,
                _ => "",
            };
            characters += text.Length;
            hash.AppendData(Encoding.UTF8.GetBytes(text));
        }
        var system = string.Join('\n', all.Where(m => m.Role == ChatRole.System).Select(m => m.Text));
        return new DemoConversation(Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 6)))
        {
            Task = last >= 0 ? TaskIn(all[last].Text) : "",
            IsRouting =
                options?.ResponseFormat is ChatResponseFormatJson { SchemaName: "agent_route" }
                || system.Contains("CODELAB-ROUTE", StringComparison.Ordinal),
            Tools = options?.Tools is { } tools ? tools.Select(t => t.Name).ToHashSet(StringComparer.Ordinal) : new HashSet<string>(),
            Steps =
            [
                .. all.Skip(last + 1)
                    .SelectMany(m => m.Contents)
                    .OfType<FunctionCallContent>()
                    .Select(c => new DemoStep(c.Name, PathOf(c), results.GetValueOrDefault(c.CallId, ""))),
            ],
            Characters = characters,
        };
    }

    /// <summary>The same for the same conversation, different for every other: a repeated request repeats its answer.</summary>
    public string NextCallId(string tool) => string.Create(CultureInfo.InvariantCulture, $"demo_{tool}_{Steps.Count + 1}_{_fingerprint}");

    public DemoStep? LastOf(string tool) => Steps.LastOrDefault(s => s.Tool == tool);

    /// <summary>The person's words: a routing request holds them between tags, attachments stand behind them.</summary>
    private static string TaskIn(string text)
    {
        var start = text.LastIndexOf("<request>", StringComparison.Ordinal);
        var end = text.LastIndexOf("</request>", StringComparison.Ordinal);
        if (start >= 0 && end > start)
            text = text[(start + "<request>".Length)..end];
        var attached = text.IndexOf("\n\n<attached ", StringComparison.Ordinal);
        return (attached >= 0 ? text[..attached] : text).Trim();
    }

    private static string PathOf(FunctionCallContent call) =>
        call.Arguments?.TryGetValue("path", out var path) == true ? path?.ToString() ?? "" : "";
}

/// <summary>A call the demo model made, and what it gave.</summary>
internal sealed record DemoStep(string Tool, string Path, string Result);

/// <summary>What the demo model says, and the one tool it calls.</summary>
internal sealed record DemoReply(string Text, DemoCall? Call = null);

/// <summary>A call; all arguments are texts.</summary>
internal sealed record DemoCall(string Name, IReadOnlyDictionary<string, string> Arguments);
