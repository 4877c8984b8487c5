using System.Text.Json;
using System.Text.Json.Serialization;

namespace CodeLab.FakeLlm;

/// <summary>Which requests a reply is for: all members that are set must hold. In JSON the string <c>"route"</c> means <c>{"route":true}</c>.</summary>
[JsonConverter(typeof(ReplyConditionConverter))]
public sealed record ReplyCondition
{
    /// <summary>The request is the orchestrator's routing call. Replies without it never answer a recognised routing call.</summary>
    public bool Route { get; init; }

    /// <summary>Exact model name.</summary>
    public string? Model { get; init; }

    /// <summary><c>openai</c>, <c>responses</c>, <c>anthropic</c> or <c>ollama</c>.</summary>
    public string? Dialect { get; init; }

    /// <summary>The last user message contains this.</summary>
    public string? UserContains { get; init; }

    /// <summary>The system text contains this.</summary>
    public string? SystemContains { get; init; }

    /// <summary>The request ends with tool results, and one of them is for this tool.</summary>
    public string? ToolResult { get; init; }

    /// <summary>Some tool result after the last assistant turn contains this.</summary>
    public string? ToolResultContains { get; init; }

    /// <summary>Number of assistant turns in the request.</summary>
    public int? Turn { get; init; }

    internal bool Holds(ChatView chat) =>
        Route == chat.IsRouting
        && (Model is null || Model == chat.Model)
        && (Dialect is null || Dialect == chat.Dialect)
        && (UserContains is null || chat.LastUserText.Contains(UserContains, StringComparison.Ordinal))
        && (SystemContains is null || chat.SystemText.Contains(SystemContains, StringComparison.Ordinal))
        && (ToolResult is null || chat.FreshToolResults.Any(r => r.ToolName == ToolResult))
        && (ToolResultContains is null || chat.FreshToolResults.Any(r => r.Text.Contains(ToolResultContains, StringComparison.Ordinal)))
        && (Turn is null || Turn == chat.AssistantTurns);
}

internal sealed class ReplyConditionConverter : JsonConverter<ReplyCondition>
{
    public override ReplyCondition Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return reader.GetString() == "route"
                ? new ReplyCondition { Route = true }
                : throw new JsonException("The only condition with a name is \"route\"; use an object.");
        }

        var body = JsonSerializer.Deserialize<Body>(ref reader, options)!;
        return new ReplyCondition
        {
            Route = body.Route,
            Model = body.Model,
            Dialect = body.Dialect,
            UserContains = body.UserContains,
            SystemContains = body.SystemContains,
            ToolResult = body.ToolResult,
            ToolResultContains = body.ToolResultContains,
            Turn = body.Turn,
        };
    }

    public override void Write(Utf8JsonWriter writer, ReplyCondition value, JsonSerializerOptions options) =>
        JsonSerializer.Serialize(
            writer,
            new Body(
                value.Route,
                value.Model,
                value.Dialect,
                value.UserContains,
                value.SystemContains,
                value.ToolResult,
                value.ToolResultContains,
                value.Turn
            ),
            options
        );

    private sealed record Body(
        bool Route = false,
        string? Model = null,
        string? Dialect = null,
        string? UserContains = null,
        string? SystemContains = null,
        string? ToolResult = null,
        string? ToolResultContains = null,
        int? Turn = null
    );
}
