using CodeLab.Modules.Agent.Prompts;
using CodeLab.Modules.Agent.Routing;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Llm.Chat;
using Microsoft.Extensions.AI;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>
/// Builds what the model is sent from the state alone: the same state gives the same bytes, and between two compactions each request begins
/// with the bytes of the one before, so that the provider's prompt cache hits.
/// </summary>
internal sealed class ModelRequests(TurnEngine engine, AgentRouter router)
{
    /// <summary>The request of a model call.</summary>
    public StreamChatQuery Build(SessionState state, ModelCallKey key)
    {
        var agent = engine.AgentOf(state);
        var caller = new ChatCaller(state.Owner, state.Id, agent.Type);
        if (key.Purpose == ModelPurpose.Route)
        {
            var text = state.Transcript.OfType<UserEntry>().LastOrDefault()?.Content ?? "";
            var before = state.Transcript.OfType<AssistantEntry>().LastOrDefault(e => e.Content.Length > 0);
            return new(caller, router.Model ?? state.Model, router.BuildMessages(text, before?.Agent, before?.Content), router.Options);
        }
        if (key.Purpose == ModelPurpose.Summarise)
        {
            var notes = SummaryPrompt.Build(state, state.Turn?.SummariseTo ?? state.SummarisedTo);
            return new(caller, agent.Model ?? state.Model, notes, new() { MaxOutputTokens = SummaryPrompt.MostTokens, Temperature = 0 });
        }
        var offer = engine.OfferOf(state);
        var messages = new List<ChatMessage>(state.Transcript.Count - state.SummarisedTo + 2)
        {
            new(ChatRole.System, SessionPrompt.Compose(agent, state)),
        };
        AddTranscript(messages, state);
        return new(caller, agent.Model ?? state.Model, messages, new() { Tools = offer.Declarations, Temperature = agent.Temperature });
    }

    private static void AddTranscript(List<ChatMessage> messages, SessionState state)
    {
        if (state.SummarisedTo > 0)
            messages.Add(new(ChatRole.User, ConversationText.Earlier(state)));
        for (var i = state.SummarisedTo; i < state.Transcript.Count; i++)
        {
            switch (state.Transcript[i])
            {
                case UserEntry user:
                    messages.Add(new(ChatRole.User, ConversationText.Of(user)));
                    break;
                case AssistantEntry assistant:
                    messages.Add(ToMessage(assistant));
                    break;
                case ToolEntry result:
                    AddResult(messages, result.CallId, ConversationText.Of(result, shrunk: i < state.ShrunkTo));
                    break;
            }
        }
    }

    private static ChatMessage ToMessage(AssistantEntry entry)
    {
        var message = new ChatMessage { Role = ChatRole.Assistant };
        if (entry.Content.Length > 0)
            message.Contents.Add(new TextContent(entry.Content));
        foreach (var call in entry.Calls)
        {
            var arguments = new Dictionary<string, object?>(StringComparer.Ordinal);
            foreach (var member in call.Arguments.EnumerateObject())
                arguments[member.Name] = member.Value;
            message.Contents.Add(new FunctionCallContent(call.CallId, call.ToolName, arguments));
        }
        return message;
    }

    // Results of one step's calls go into one message: some providers want them together.
    private static void AddResult(List<ChatMessage> messages, string callId, string text)
    {
        var content = new FunctionResultContent(callId, text);
        if (messages[^1] is { } last && last.Role == ChatRole.Tool)
            last.Contents.Add(content);
        else
            messages.Add(new(ChatRole.Tool, [content]));
    }
}
