namespace CodeLab.Modules.Llm.Translation;

/// <summary>Guesses tokens where nobody counts them: about four characters each, and a few for what stands around a message.</summary>
internal static class TokenEstimate
{
    private const int CharactersPerToken = 4;
    private const int AroundMessage = 4;

    /// <summary>What vendors charge for an image of common size, near enough.</summary>
    private const int Image = 1200;

    public static long Of(ModelRequest request)
    {
        long characters = 0;
        long tokens = 0;
        foreach (var message in request.Messages)
        {
            tokens += AroundMessage;
            foreach (var part in message.Parts)
                Add(part, ref characters, ref tokens);
        }
        foreach (var tool in request.Tools)
            characters += tool.Name.Length + (tool.Description?.Length ?? 0) + (tool.Schema?.GetRawText().Length ?? 0);
        return Math.Max(1, tokens + (characters + CharactersPerToken - 1) / CharactersPerToken);
    }

    private static void Add(ModelPart part, ref long characters, ref long tokens)
    {
        switch (part)
        {
            case ModelPart.Text text:
                characters += text.Value.Length;
                break;
            case ModelPart.Thinking thinking:
                characters += thinking.Value.Length;
                break;
            case ModelPart.ToolCall call:
                characters += call.Name.Length + call.Arguments.Length;
                break;
            case ModelPart.Image:
                tokens += Image;
                break;
            case ModelPart.Document document:
                characters += (document.Base64?.Length ?? 0) / 8;
                break;
            case ModelPart.ToolResult result:
                foreach (var inner in result.Content)
                    Add(inner, ref characters, ref tokens);
                break;
        }
    }
}
