using System.Text.Json;

namespace CodeLab.Modules.Llm.Translation;

/// <summary>
/// A chat request in no dialect, as far as two of them can say it. Texts and arguments stay as they were written. What only one provider knows
/// does not travel to another.
/// </summary>
internal sealed class ModelRequest
{
    public bool Stream { get; set; }

    /// <summary>System texts stand among the messages, where they were said.</summary>
    public List<ModelMessage> Messages { get; } = [];

    public List<ModelTool> Tools { get; } = [];

    public ToolChoice? ToolChoice { get; set; }

    public bool? ParallelToolCalls { get; set; }

    public double? Temperature { get; set; }

    public double? TopP { get; set; }

    public int? TopK { get; set; }

    public int? MaxOutputTokens { get; set; }

    public List<string> Stop { get; } = [];

    public double? PresencePenalty { get; set; }

    public double? FrequencyPenalty { get; set; }

    public long? Seed { get; set; }

    public AnswerFormat? Format { get; set; }

    public ModelReasoning? Reasoning { get; set; }

    public bool LogProbs { get; set; }

    public int? TopLogProbs { get; set; }

    /// <summary>An opaque name of the end user, for the provider's abuse checks.</summary>
    public string? User { get; set; }
}

internal enum ModelRole
{
    System,
    User,
    Assistant,
    Tool,
}

/// <summary>A message: parts in order.</summary>
internal sealed record ModelMessage(ModelRole Role, List<ModelPart> Parts);

/// <summary>A piece of a message.</summary>
internal abstract record ModelPart
{
    private ModelPart() { }

    /// <summary>The provider's cache may keep everything up to here (Anthropic's <c>cache_control</c>).</summary>
    public JsonElement? CacheControl { get; init; }

    internal sealed record Text(string Value) : ModelPart;

    /// <summary>An image: an address, or Base64 with its media type.</summary>
    internal sealed record Image(string? Url, string? MediaType, string? Base64, string? Detail) : ModelPart;

    /// <summary>A document: Base64 with its media type, or an address.</summary>
    internal sealed record Document(string? Name, string? Url, string? MediaType, string? Base64) : ModelPart;

    /// <summary>The model's reasoning; with a signature it may be sent back to who signed it.</summary>
    internal sealed record Thinking(string Value, string? Signature) : ModelPart;

    /// <summary>Reasoning that only its provider can read.</summary>
    internal sealed record RedactedThinking(string Data) : ModelPart;

    /// <summary>A call; the arguments are the text the model wrote, JSON or not.</summary>
    internal sealed record ToolCall(string Id, string Name, string Arguments) : ModelPart;

    /// <summary>The result of a call.</summary>
    internal sealed record ToolResult(string CallId, List<ModelPart> Content, bool IsError) : ModelPart;
}

/// <summary>A tool the model may call.</summary>
internal sealed record ModelTool(string Name, string? Description, JsonElement? Schema)
{
    public bool? Strict { get; init; }

    public JsonElement? CacheControl { get; init; }
}

/// <summary>Which tool is to be called.</summary>
/// <param name="Mode"><c>auto</c>, <c>none</c>, <c>required</c>, or <c>tool</c> for the one named.</param>
/// <param name="Name">The tool.</param>
internal sealed record ToolChoice(string Mode, string? Name = null);

/// <summary>The form of the answer: JSON of a schema, or any JSON object where there is none.</summary>
internal sealed record AnswerFormat(string? Name, JsonElement? Schema, bool? Strict, string? Description = null);

/// <summary>How much the model thinks first.</summary>
/// <param name="Effort"><c>none</c>, <c>minimal</c>, <c>low</c>, <c>medium</c>, <c>high</c> and what providers add.</param>
/// <param name="Budget">Most tokens to think, where the dialect counts them.</param>
internal sealed record ModelReasoning(string Effort, int? Budget)
{
    public bool IsOff => Effort == "none";

    public static ModelReasoning OfBudget(int budget) =>
        new(
            budget switch
            {
                <= 2048 => "low",
                <= 12_288 => "medium",
                _ => "high",
            },
            budget
        );

    /// <summary>The budget, or one that fits the effort.</summary>
    public int Tokens =>
        Budget
        ?? Effort switch
        {
            "minimal" => 1024,
            "low" => 2048,
            "medium" => 8192,
            _ => 24_576,
        };
}

/// <summary>The request can not be said in the dialect it came in, or not to who serves the model.</summary>
internal sealed class RequestFault(string message) : Exception(message);
