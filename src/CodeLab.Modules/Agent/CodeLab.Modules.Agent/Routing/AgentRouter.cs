using System.Globalization;
using System.Text;
using System.Text.Json;
using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Tools;
using CodeLab.Modules.Llm.Chat;
using Microsoft.Extensions.AI;

namespace CodeLab.Modules.Agent.Routing;

/// <summary>Which agent answers, and how sure that is.</summary>
/// <param name="Agent">Type of an agent of the catalogue, never the orchestrator.</param>
/// <param name="Confidence"><c>high</c>, <c>medium</c> or <c>low</c>.</param>
/// <param name="Reasoning">Why, for people; at most 500 characters.</param>
internal sealed record RouteDecision(string Agent, string Confidence, string Reasoning);

/// <summary>Chooses the agent of a message by one small model call, and by keywords when that fails (protocol.md §5.2).</summary>
internal sealed class AgentRouter
{
    /// <summary>First line of the system text: tells a routing request from a conversation, e.g. for the scripted demo model.</summary>
    public const string Marker = "CODELAB-ROUTE";

    private const string _schemaName = "agent_route";
    private const int _maxUserCharacters = 8_000;
    private const int _maxReasoning = 500;
    private const int _maxOutputTokens = 300;

    private readonly AgentCatalog _agents;
    private readonly ChatMessage _system;

    /// <summary>Makes a router for the agents of a catalogue.</summary>
    public AgentRouter(AgentCatalog agents)
    {
        _agents = agents;
        _system = new ChatMessage(ChatRole.System, SystemText(agents));
        var orchestrator = agents.Find(AgentCatalog.Orchestrator)!;
        Model = orchestrator.Model;
        Options = new ChatCallOptions
        {
            Temperature = orchestrator.Temperature ?? 0.3f,
            MaxOutputTokens = _maxOutputTokens,
            ResponseFormat = ChatResponseFormat.ForJsonSchema(Schema(agents), _schemaName, "Which agent answers the request."),
        };
    }

    /// <summary>Model of the orchestrator; null = the session's.</summary>
    public string? Model { get; }

    /// <summary>Temperature, limits and answer schema of the call; no tools.</summary>
    public ChatCallOptions Options { get; }

    /// <summary>The messages of the call.</summary>
    /// <param name="userText">What the person wrote.</param>
    /// <param name="previousAgent">Agent that answered before, so that "go on" finds its way back.</param>
    /// <param name="previousAnswer">The last text of that agent.</param>
    public IReadOnlyList<ChatMessage> BuildMessages(string userText, string? previousAgent = null, string? previousAnswer = null)
    {
        var text = new StringBuilder();
        if (previousAgent is not null)
        {
            text.Append("Before this, ").Append(previousAgent).Append(" answered");
            if (!string.IsNullOrWhiteSpace(previousAnswer))
                text.Append(":\n<answer>\n").Append(Shorten(previousAnswer, 1_000)).Append("\n</answer>");
            text.Append("\n\n");
        }
        text.Append("Request:\n<request>\n").Append(Shorten(userText, _maxUserCharacters)).Append("\n</request>");
        return [_system, new ChatMessage(ChatRole.User, text.ToString())];
    }

    /// <summary>Reads the model's answer; falls back to keywords when it is no JSON object that names an agent.</summary>
    /// <param name="modelText">What the model answered; empty when the call failed.</param>
    /// <param name="userText">What the person wrote.</param>
    public RouteDecision Parse(string? modelText, string userText)
    {
        if (string.IsNullOrWhiteSpace(modelText) || !LenientJson.TryParse(modelText, out var answer, allowProse: true))
            return Fallback(userText);
        if (answer.ValueKind is not JsonValueKind.Object || Text(answer, "agent") is not { Length: > 0 } name)
            return Fallback(userText);

        var reasoning = Shorten(Text(answer, "reasoning") ?? "", _maxReasoning);
        var agent = _agents.Find(name);
        if (agent is null || agent.Type == AgentCatalog.Orchestrator)
            return new RouteDecision(
                AgentCatalog.Coder,
                "low",
                reasoning.Length > 0 ? reasoning : "The router named no agent of this server"
            );
        return new RouteDecision(agent.Type, Confidence(answer), reasoning.Length > 0 ? reasoning : agent.Description);
    }

    /// <summary>The decision without a model: the first group of keywords that matches, else the coder.</summary>
    public RouteDecision Fallback(string userText)
    {
        var (type, keyword) = RouteKeywords.Find(userText);
        var agent = _agents.Find(type)?.Type ?? AgentCatalog.Coder;
        return new RouteDecision(agent, "low", keyword is null ? "Chosen by default" : $"Chosen by the word '{keyword}'");
    }

    private static string Confidence(JsonElement answer)
    {
        if (!answer.TryGetProperty("confidence", out var value))
            return "medium";
        if (value.ValueKind is JsonValueKind.Number)
            return Grade(value.GetDouble());
        return Text(answer, "confidence")?.Trim().ToLowerInvariant() switch
        {
            "high" => "high",
            "low" => "low",
            { } text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => Grade(number),
            _ => "medium",
        };
    }

    private static string Grade(double number) =>
        number switch
        {
            >= 0.8 => "high",
            >= 0.5 => "medium",
            _ => "low",
        };

    private static string? Text(JsonElement element, string name)
    {
        try
        {
            return element.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null; // Half of a surrogate pair, escaped: as good as no answer.
        }
    }

    private static string Shorten(string text, int length)
    {
        if (text.Length <= length)
            return text;
        // The end of a long message often holds the wish, after what was pasted.
        var half = length / 2;
        var head = char.IsHighSurrogate(text[half - 1]) ? half - 1 : half;
        var tail = char.IsLowSurrogate(text[^half]) ? half - 1 : half;
        return string.Concat(text.AsSpan(0, head), "\n[…]\n", text.AsSpan(text.Length - tail));
    }

    private static string SystemText(AgentCatalog agents)
    {
        var text = new StringBuilder();
        text.Append(Marker).Append('\n').Append(agents.Find(AgentCatalog.Orchestrator)!.Prompt).Append("\n\nThe agents:\n");
        foreach (var agent in Specialists(agents))
            text.Append("- ").Append(agent.Type).Append(": ").Append(agent.Description).Append(".\n");
        text.Append(
            """

            Answer with one JSON object and nothing else:
            {"agent": "<one of the agents>", "confidence": "high | medium | low", "reasoning": "<one short sentence in the language of the request>"}
            """
        );
        return text.ToString();
    }

    private static JsonElement Schema(AgentCatalog agents)
    {
        var names = string.Join(',', Specialists(agents).Select(a => $"\"{JsonEncodedText.Encode(a.Type)}\""));
        return JsonElement.Parse(
            $$$"""
            {"type":"object","properties":{"agent":{"type":"string","enum":[{{{names}}}]},"confidence":{"type":"string","enum":["high","medium","low"]},"reasoning":{"type":"string"}},"required":["agent","confidence","reasoning"],"additionalProperties":false}
            """
        );
    }

    private static IEnumerable<AgentDefinition> Specialists(AgentCatalog agents) =>
        agents.All.Where(a => a.Type != AgentCatalog.Orchestrator);
}
