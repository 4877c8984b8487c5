using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using CodeLab.BuildingBlocks.Results;
using Microsoft.Extensions.AI;

namespace CodeLab.Modules.Agent.Tools;

/// <summary>What a tool does to the world.</summary>
internal enum ToolKind
{
    /// <summary>Reads the workspace.</summary>
    Read,

    /// <summary>Changes files of the workspace.</summary>
    Write,

    /// <summary>Runs a program, or does something only the client knows.</summary>
    Execute,

    /// <summary>Resolved by the server; nothing is sent to the client (protocol.md §6.2).</summary>
    Server,
}

/// <summary>A tool that a model may call: what the model is told, and what the server checks.</summary>
internal sealed class ToolDefinition
{
    private const int _maxNameLength = 64;
    private const int _maxDescriptionLength = 4096;
    private const int _maxSchemaBytes = 32 * 1024;
    private const int _clientTimeoutSeconds = 300;

    private static readonly SearchValues<char> _nameCharacters = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
    );

    private AIFunctionDeclaration? _declaration;

    /// <summary>Name on the wire and for the model.</summary>
    public required string Name { get; init; }

    /// <summary>What the model is told.</summary>
    public required string Description { get; init; }

    /// <summary>JSON Schema of the arguments.</summary>
    public required JsonElement Schema { get; init; }

    /// <summary>What it does to the world.</summary>
    public required ToolKind Kind { get; init; }

    /// <summary>Seconds the server waits for a result once the call is dispatched; 0 for tools of the server.</summary>
    public required int TimeoutSeconds { get; init; }

    /// <summary>Arguments that are workspace paths, or arrays of them.</summary>
    public IReadOnlyList<string> PathArguments { get; init; } = [];

    /// <summary>Other names models and older clients use.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>Other names of arguments: alias → name.</summary>
    public IReadOnlyDictionary<string, string> ArgumentAliases { get; init; } = new Dictionary<string, string>();

    /// <summary>True when the attached client defined it; such a tool always needs approval.</summary>
    public bool ClientDefined { get; init; }

    /// <summary>The schema, ready to check arguments.</summary>
    internal required JsonSchema Arguments { get; init; }

    /// <summary>What is handed to the model client; the same object every time, so that request prefixes stay stable.</summary>
    public AIFunctionDeclaration ToDeclaration() => _declaration ??= AIFunctionFactory.CreateDeclaration(Name, Description, Schema);

    /// <summary>Reads a tool that a client defines on attach: <c>{name, description, parameters}</c>.</summary>
    /// <returns>The tool, or <c>INVALID_TOOL</c> with what is wrong.</returns>
    public static Result<ToolDefinition> FromClient(JsonElement definition)
    {
        try
        {
            return ReadClient(definition);
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair, escaped: valid JSON, but no text.
            return Invalid("The definition of a tool contains an incomplete Unicode escape.");
        }
    }

    private static Result<ToolDefinition> ReadClient(JsonElement definition)
    {
        if (definition.ValueKind is not JsonValueKind.Object)
            return Invalid("A tool is an object with name, description and parameters.");
        if (
            !TryGetText(definition, "name", out var name)
            || name.Length is 0 or > _maxNameLength
            || name.AsSpan().ContainsAnyExcept(_nameCharacters)
        )
            return Invalid($"The name of a tool has 1 to {_maxNameLength} letters, digits, '_' or '-'.");
        if (ToolCatalog.Find(name) is not null)
            return Invalid($"'{name}' is a tool of the server; name it as a string to offer it, or choose another name.");
        if (!TryGetText(definition, "description", out var description) || string.IsNullOrWhiteSpace(description))
            return Invalid($"Tool '{name}' needs a description: without it no model can use it.");
        if (description.Length > _maxDescriptionLength)
            return Invalid($"The description of tool '{name}' is longer than {_maxDescriptionLength} characters.");

        var parameters =
            definition.TryGetProperty("parameters", out var given) && given.ValueKind is not JsonValueKind.Null ? given : EmptySchema;
        if (parameters.GetRawText().Length > _maxSchemaBytes)
            return Invalid($"The schema of tool '{name}' is longer than {_maxSchemaBytes} characters.");
        try
        {
            // The frame's document does not outlive the request, hence the clone.
            var schema = parameters.Clone();
            var compiled = JsonSchema.Compile(schema, closed: true);
            if (!compiled.IsObject)
                return Invalid($"The parameters of tool '{name}' must be a schema of type object.");
            return new ToolDefinition
            {
                Name = name,
                Description = description,
                Schema = schema,
                Arguments = compiled,
                Kind = ToolKind.Execute,
                TimeoutSeconds = _clientTimeoutSeconds,
                ClientDefined = true,
            };
        }
        catch (FormatException malformed)
        {
            return Invalid($"The schema of tool '{name}' can not be used: {malformed.Message}.");
        }
    }

    private static JsonElement EmptySchema { get; } =
        JsonElement.Parse("""{"type":"object","properties":{},"additionalProperties":false}""");

    private static Error Invalid(string message) => new("INVALID_TOOL", message, 400);

    private static bool TryGetText(JsonElement element, string name, [NotNullWhen(true)] out string? text)
    {
        text = element.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String ? value.GetString() : null;
        return text is not null;
    }
}
