using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace CodeLab.Modules.Llm.Providers.Demo;

/// <summary>Plays what <see cref="DemoScript"/> decides, word by word.</summary>
internal sealed class DemoChatClient(TimeSpan wordDelay, TimeProvider time) : IChatClient
{
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        var conversation = DemoConversation.Read(messages, options);
        var reply = DemoScript.Next(conversation);
        foreach (var word in Words(reply.Text))
        {
            if (wordDelay > TimeSpan.Zero)
                await Task.Delay(wordDelay, time, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            yield return Update(new TextContent(word));
        }
        if (reply.Call is { } call)
        {
            yield return Update(
                new FunctionCallContent(
                    conversation.NextCallId(call.Name),
                    call.Name,
                    call.Arguments.ToDictionary(a => a.Key, a => (object?)a.Value, StringComparer.Ordinal)
                )
            );
        }
        var written = reply.Text.Length + (reply.Call is { } c ? JsonSerializer.Serialize(c.Arguments).Length : 0);
        var last = Update(
            new UsageContent(
                // About four characters a token: there is no tokenizer because there is no model.
                new UsageDetails
                {
                    InputTokenCount = Math.Max(1, conversation.Characters / 4),
                    OutputTokenCount = Math.Max(1, written / 4),
                }
            )
        );
        last.FinishReason = reply.Call is null ? ChatFinishReason.Stop : ChatFinishReason.ToolCalls;
        yield return last;
    }

    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options = null,
        CancellationToken cancellationToken = default
    ) => await GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceKey is null && serviceType.IsInstanceOfType(this) ? this : null;

    public void Dispose() { }

    private static ChatResponseUpdate Update(AIContent content) => new(ChatRole.Assistant, [content]) { ModelId = DemoProvider.Model };

    /// <summary>Pieces that end after blanks, so that joined they are the text.</summary>
    private static IEnumerable<string> Words(string text)
    {
        var start = 0;
        for (var i = 1; i < text.Length; i++)
        {
            if (!char.IsWhiteSpace(text[i]) && char.IsWhiteSpace(text[i - 1]))
            {
                yield return text[start..i];
                start = i;
            }
        }
        if (start < text.Length)
            yield return text[start..];
    }
}
