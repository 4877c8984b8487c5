using System.Text;
using CodeLab.Modules.Agent.Prompts;
using CodeLab.Modules.Agent.Routing;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Llm.Chat;
using CodeLab.Protocol.Hub;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>
/// Builds what the model is sent from the state alone: the same state gives the same bytes, so that a repeated call asks the same and the
/// provider's prompt cache hits.
/// </summary>
internal sealed class ModelRequests(TurnEngine engine, AgentRouter router, IOptions<AgentOptions> options)
{
    // Without a tokenizer: about four characters a token for code and English (protocol.md §8.3).
    private const int _charactersPerToken = 4;
    private const int _freshRounds = 2;
    private const int _oldResultCharacters = 600;

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
        var offer = engine.OfferOf(state);
        var messages = new List<ChatMessage>(state.Transcript.Count + 1)
        {
            new(
                ChatRole.System,
                SystemPrompt.Compose(
                    agent,
                    new PromptContext
                    {
                        Platform = state.Executor?.Platform,
                        WorkspaceName = state.Executor?.WorkspaceName,
                        Branch = state.Executor?.Branch,
                        Rules = state.Executor?.Rules ?? [],
                        Files = [.. state.ContextFiles.Select(f => new ContextFile { Path = f.Key, Content = f.Value })],
                    }
                )
            ),
        };
        AddTranscript(messages, state, options.Value.ContextTokens * _charactersPerToken);
        return new(caller, agent.Model ?? state.Model, messages, new() { Tools = offer.Declarations, Temperature = agent.Temperature });
    }

    private static void AddTranscript(List<ChatMessage> messages, SessionState state, int budget)
    {
        var old = Shorten(state, budget - messages[0].Text.Length);
        for (var i = 0; i < state.Transcript.Count; i++)
        {
            switch (state.Transcript[i])
            {
                case UserEntry user:
                    messages.Add(new(ChatRole.User, WithAttachments(user)));
                    break;
                case AssistantEntry assistant:
                    messages.Add(ToMessage(assistant));
                    break;
                case ToolEntry result:
                    var text = ToolTexts.ForModel(result.ToolName, result.Status, result.Result, result.Error, result.ErrorCode);
                    if (i < old && text.Length > _oldResultCharacters)
                        text = string.Concat(
                            text.AsSpan(0, _oldResultCharacters),
                            "\n… (older output shortened; run the tool again if you need it)"
                        );
                    AddResult(messages, result.CallId, text);
                    break;
            }
        }
    }

    /// <summary>Where shortening of tool outputs ends: outputs of the last two rounds stay whole, older ones shrink once the budget is passed.</summary>
    private static int Shorten(SessionState state, int budget)
    {
        var characters = 0L;
        var rounds = 0;
        var fresh = 0;
        for (var i = state.Transcript.Count - 1; i >= 0; i--)
        {
            characters += state.Transcript[i] switch
            {
                UserEntry e => e.Content.Length + (e.Attachments?.Sum(a => a.Content.Length) ?? 0),
                AssistantEntry e => e.Content.Length + e.Calls.Sum(c => c.Arguments.GetRawText().Length),
                ToolEntry e => (e.Error?.Length ?? 0) + (e.Result?.GetRawText().Length ?? 0),
                _ => 0,
            };
            if (state.Transcript[i] is AssistantEntry { Calls.Count: > 0 } && ++rounds == _freshRounds)
                fresh = i;
        }
        return characters > budget ? fresh : 0;
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

    private static string WithAttachments(UserEntry user)
    {
        if (user.Attachments is not { Count: > 0 } attachments)
            return user.Content;
        var text = new StringBuilder(user.Content);
        foreach (MessageAttachment file in attachments)
            text.Append("\n\n<attached path=\"").Append(file.Path).Append("\">\n").Append(file.Content).Append("\n</attached>");
        return text.ToString();
    }
}
