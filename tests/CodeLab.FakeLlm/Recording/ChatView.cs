using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace CodeLab.FakeLlm;

/// <summary>A chat request of any dialect, in one form.</summary>
public sealed record ChatView
{
    /// <summary><c>openai</c>, <c>responses</c>, <c>anthropic</c> or <c>ollama</c>.</summary>
    public required string Dialect { get; init; }

    /// <summary>Model name as sent.</summary>
    public required string Model { get; init; }

    /// <summary>Whether a stream was asked for.</summary>
    public bool Stream { get; init; }

    /// <summary>All system and developer texts, joined by empty lines.</summary>
    public string SystemText { get; init; } = "";

    /// <summary>The other messages in order; each tool result is one of role <c>tool</c>.</summary>
    public IReadOnlyList<ChatViewMessage> Messages { get; init; } = [];

    /// <summary>Tools offered.</summary>
    public IReadOnlyList<ChatViewTool> Tools { get; init; } = [];

    /// <summary>OpenAI: a usage chunk was asked for.</summary>
    public bool IncludeUsage { get; init; }

    /// <summary>The request has the shape of the orchestrator's routing call.</summary>
    public bool LooksLikeRouting { get; init; }

    /// <summary>It is treated as a routing call (see <see cref="FakeLlmServer.Route"/>).</summary>
    public bool IsRouting { get; init; }

    /// <summary>Text of the last user message.</summary>
    public string LastUserText => Messages.LastOrDefault(m => m.Role == "user")?.Text ?? "";

    /// <summary>
    /// Assistant turns: runs of assistant messages with nothing in between. Adapters split one answer into several messages (OllamaSharp
    /// sends one for each tool call), so messages are not counted singly.
    /// </summary>
    public int AssistantTurns => Messages.Where((m, i) => m.Role == "assistant" && (i == 0 || Messages[i - 1].Role != "assistant")).Count();

    /// <summary>Tool results after the last assistant message.</summary>
    public IEnumerable<ChatViewMessage> FreshToolResults =>
        Messages.Reverse().TakeWhile(m => m.Role != "assistant").Reverse().Where(m => m.Role == "tool");

    /// <summary>Hash of the conversation without its system text (which may hold the time): equal for a repeated request.</summary>
    public string Fingerprint
    {
        get
        {
            var text = new StringBuilder();
            foreach (var message in Messages)
            {
                text.Append(message.Role).Append('\u0001').Append(message.Text).Append('\u0002');
                foreach (var call in message.ToolCalls)
                    text.Append(call.Name).Append('\u0003').Append(call.ArgumentsText).Append('\u0004');
            }

            return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
        }
    }
}

/// <summary>A message.</summary>
/// <param name="Role"><c>user</c>, <c>assistant</c> or <c>tool</c>.</param>
/// <param name="Text">All text parts joined by line feeds; of a tool message the result.</param>
public sealed record ChatViewMessage(string Role, string Text)
{
    /// <summary>Calls of an assistant message.</summary>
    public IReadOnlyList<ChatViewToolCall> ToolCalls { get; init; } = [];

    /// <summary>Reasoning sent back with an assistant message.</summary>
    public string? Reasoning { get; init; }

    /// <summary>Of a tool message: the call it answers.</summary>
    public string? ToolCallId { get; init; }

    /// <summary>Of a tool message: the tool, found through the call's id where the dialect does not say it.</summary>
    public string? ToolName { get; init; }

    /// <summary>Of a tool message: marked as a failure (Anthropic only).</summary>
    public bool IsError { get; init; }
}

/// <summary>A tool call sent back in the history.</summary>
public sealed record ChatViewToolCall(string? Id, string Name, string ArgumentsText);

/// <summary>A tool offered by the request.</summary>
public sealed record ChatViewTool(string Name, string? Description, JsonElement Schema);
