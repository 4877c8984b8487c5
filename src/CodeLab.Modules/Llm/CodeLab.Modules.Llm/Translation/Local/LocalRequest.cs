using System.Text.Json;
using CodeLab.Modules.Llm.Providers;
using Microsoft.Extensions.AI;

namespace CodeLab.Modules.Llm.Translation.Local;

/// <summary>A request in the types of Microsoft.Extensions.AI, for a model that lives in this process.</summary>
internal static class LocalRequest
{
    public static (List<ChatMessage> Messages, ChatOptions Options) From(ModelRequest request, string model)
    {
        var messages = new List<ChatMessage>(request.Messages.Count);
        foreach (var message in request.Messages)
        {
            var results = message.Parts.OfType<ModelPart.ToolResult>().Select(AIContent (r) => Result(r)).ToList();
            if (results.Count > 0)
                messages.Add(new ChatMessage(ChatRole.Tool, results));
            var contents = message.Parts.Select(Content).OfType<AIContent>().ToList();
            if (contents.Count > 0)
                messages.Add(new ChatMessage(RoleOf(message.Role), contents));
        }
        var options = new ChatOptions
        {
            ModelId = model,
            MaxOutputTokens = request.MaxOutputTokens,
            Temperature = (float?)request.Temperature,
            Tools =
            [
                .. request.Tools.Select(t =>
                    AIFunctionFactory.CreateDeclaration(t.Name, t.Description ?? "", t.Schema ?? JsonElement.Parse("{}"))
                ),
            ],
        };
        return (messages, options);
    }

    private static FunctionResultContent Result(ModelPart.ToolResult result) =>
        new(result.CallId, string.Join("\n\n", result.Content.OfType<ModelPart.Text>().Select(t => t.Value)));

    private static AIContent? Content(ModelPart part)
    {
        switch (part)
        {
            case ModelPart.Text text:
                return new TextContent(text.Value);
            case ModelPart.ToolCall call:
                var content = new FunctionCallContent(call.Id, call.Name, Parse(call.Arguments));
                RawArguments.Attach(content, call.Arguments);
                return content;
            default:
                return null;
        }
    }

    private static Dictionary<string, object?>? Parse(string arguments)
    {
        try
        {
            using var parsed = JsonDocument.Parse(arguments);
            return parsed.RootElement.ValueKind == JsonValueKind.Object
                ? parsed.RootElement.EnumerateObject().ToDictionary(p => p.Name, p => (object?)p.Value.Clone(), StringComparer.Ordinal)
                : null;
        }
        catch (JsonException)
        {
            return null; // the text is attached as it was written
        }
    }

    private static ChatRole RoleOf(ModelRole role) =>
        role switch
        {
            ModelRole.System => ChatRole.System,
            ModelRole.Assistant => ChatRole.Assistant,
            _ => ChatRole.User,
        };
}
