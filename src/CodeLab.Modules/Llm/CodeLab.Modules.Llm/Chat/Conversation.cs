using CodeLab.Modules.Llm.Providers;
using Microsoft.Extensions.AI;

namespace CodeLab.Modules.Llm.Chat;

/// <summary>Brings a conversation into the form that every provider takes.</summary>
internal static class Conversation
{
    /// <summary>
    /// Results become texts (adapters wrap objects each in their own way), empty texts and reasoning without a signature go (Anthropic refuses
    /// both), and a message that is empty then goes as well. Call ids and the mark of a failed result stay.
    /// </summary>
    public static IReadOnlyList<ChatMessage> Prepare(IReadOnlyList<ChatMessage> messages)
    {
        var prepared = new List<ChatMessage>(messages.Count);
        foreach (var message in messages)
        {
            var contents = message.Contents.Select(Prepare).OfType<AIContent>().ToList();
            if (contents.Count > 0)
                prepared.Add(new ChatMessage(message.Role, contents));
        }
        return prepared;
    }

    /// <summary>Length of what is sent, for estimates.</summary>
    public static long Characters(StreamChatQuery query)
    {
        long sum = 0;
        foreach (var content in query.Messages.SelectMany(m => m.Contents))
        {
            sum += content switch
            {
                TextContent text => text.Text.Length,
                FunctionCallContent call => call.Name.Length
                    + (call.Arguments?.Sum(a => a.Key.Length + (a.Value?.ToString()?.Length ?? 0)) ?? 0),
                FunctionResultContent result => ToolResultText.Of(result).Length,
                _ => 0,
            };
        }
        foreach (var tool in query.Options.Tools.OfType<AIFunctionDeclaration>())
            sum += tool.Name.Length + tool.Description.Length + tool.JsonSchema.GetRawText().Length;
        return sum;
    }

    private static AIContent? Prepare(AIContent content) =>
        content switch
        {
            TextContent text => string.IsNullOrEmpty(text.Text) ? null : text,
            TextReasoningContent reasoning => string.IsNullOrEmpty(reasoning.ProtectedData) ? null : reasoning,
            FunctionResultContent result => new FunctionResultContent(result.CallId, ToolResultText.Of(result))
            {
                Exception = result.Exception,
            },
            _ => content,
        };
}
