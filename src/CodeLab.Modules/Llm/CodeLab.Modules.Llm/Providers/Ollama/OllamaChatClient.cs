using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using OllamaSharp;
using OllamaSharp.Models;
using OllamaSharp.Models.Chat;
using ChatRole = Microsoft.Extensions.AI.ChatRole;

namespace CodeLab.Modules.Llm.Providers.Ollama;

/// <summary>
/// OllamaSharp's client with messages written by us: its own conversion wraps tool results into a JSON object of its own making and does not say
/// which tool they belong to.
/// </summary>
internal sealed class OllamaChatClient(IChatClient inner, string model, int contextTokens) : DelegatingChatClient(inner)
{
    public static IChatClient Create(string model, int contextTokens, HttpClient http) =>
        new OllamaChatClient(new OllamaApiClient(http, model), model, contextTokens);

    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        options = options?.Clone() ?? new ChatOptions();
        var written = Write(messages);
        options.RawRepresentationFactory = _ => new ChatRequest
        {
            Model = model,
            Messages = written,
            Options = new RequestOptions { NumCtx = contextTokens },
        };
        await foreach (var update in base.GetStreamingResponseAsync([], options, cancellationToken))
            yield return update;
    }

    private static List<Message> Write(IEnumerable<ChatMessage> messages)
    {
        var written = new List<Message>();
        var toolOfCall = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var message in messages)
        {
            foreach (var result in message.Contents.OfType<FunctionResultContent>())
            {
                written.Add(
                    new Message
                    {
                        Role = "tool",
                        Content = ToolResultText.Of(result),
                        ToolName = toolOfCall.GetValueOrDefault(result.CallId),
                    }
                );
            }
            var calls = message.Contents.OfType<FunctionCallContent>().ToList();
            foreach (var call in calls)
                toolOfCall[call.CallId] = call.Name;
            var images = message.Contents.OfType<DataContent>().Where(d => d.HasTopLevelMediaType("image")).ToList();
            if (message.Text.Length == 0 && calls.Count == 0 && images.Count == 0)
                continue;
            written.Add(
                new Message
                {
                    Role = RoleOf(message.Role),
                    Content = message.Text,
                    Images = images.Count > 0 ? [.. images.Select(i => i.Base64Data.ToString())] : null,
                    ToolCalls =
                        calls.Count > 0
                            ?
                            [
                                .. calls.Select(
                                    (call, index) =>
                                        new Message.ToolCall
                                        {
                                            Id = call.CallId,
                                            Function = new Message.Function
                                            {
                                                Index = index,
                                                Name = call.Name,
                                                Arguments = call.Arguments ?? new Dictionary<string, object?>(StringComparer.Ordinal),
                                            },
                                        }
                                ),
                            ]
                            : null,
                }
            );
        }
        return written;
    }

    private static OllamaSharp.Models.Chat.ChatRole RoleOf(ChatRole role) =>
        role == ChatRole.Assistant ? "assistant"
        : role == ChatRole.System ? "system"
        : role == ChatRole.Tool ? "tool"
        : "user";
}
