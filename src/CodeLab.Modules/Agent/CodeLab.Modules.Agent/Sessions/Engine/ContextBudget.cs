using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Prompts;
using CodeLab.Modules.Agent.Tools;

namespace CodeLab.Modules.Agent.Sessions.Engine;

/// <summary>How much of a conversation a model is sent.</summary>
internal sealed record ContextLimits
{
    /// <summary>Tokens of a request at most, where nothing is said for the model.</summary>
    public int Tokens { get; init; } = 100_000;

    /// <summary>The same by model or alias.</summary>
    public IReadOnlyDictionary<string, int> ModelTokens { get; init; } = new Dictionary<string, int>();
}

/// <summary>What is done to make a conversation fit. <paramref name="ToEntry"/>: the first entry that stays as it is.</summary>
internal sealed record ContextPlan(bool Summarise, int ToEntry, int Before, int After);

/// <summary>
/// Keeps requests within the model's budget, in two stages: tool outputs older than two rounds are shortened; when that is not enough, what is
/// older is replaced by a summary that a model writes. Both are events, so that between them every request begins with the very bytes of the
/// one before and the provider's cache hits. What people said and the project's rules survive both.
/// </summary>
/// <param name="count">Counts the tokens of a text; the same for the same text.</param>
/// <param name="limits">The limits.</param>
internal sealed class ContextBudget(Func<string, int> count, ContextLimits limits)
{
    // Roles, ids and brackets around a message or call.
    private const int _messageTokens = 6;
    private const int _freshRounds = 2;
    private const double _windowShare = 0.8;

    // Shortening that frees little would come again at once, and each time the cache is lost.
    private const double _worthShortening = 0.75;
    private const double _keptAfterSummary = 0.35;

    /// <summary>About four characters a token: for tests and benchmarks of the engine alone.</summary>
    public static ContextBudget Estimating { get; } = new(text => (text.Length + 3) / 4, new());

    /// <summary>Tokens a request may have.</summary>
    public int BudgetOf(SessionState state, AgentDefinition agent)
    {
        if ((agent.Model ?? state.Model) is { } model && limits.ModelTokens.TryGetValue(model, out var own))
            return own;
        return state.ContextWindow is { } window ? Math.Min(limits.Tokens, (int)(window * _windowShare)) : limits.Tokens;
    }

    /// <summary>Tokens of the next request.</summary>
    public int Measure(SessionState state, AgentDefinition agent, ToolOffer offer) =>
        Measure(state, agent, offer, state.ShrunkTo, state.SummarisedTo, state.Summary);

    /// <summary>Tokens of the next request, were it compacted so.</summary>
    public int Measure(SessionState state, AgentDefinition agent, ToolOffer offer, int shrunkTo, int summarisedTo, string? summary)
    {
        state.FixedTokens ??=
            count(SessionPrompt.Compose(agent, state)) + offer.Tools.Sum(t => count(t.Description) + count(t.Schema.GetRawText()));
        var tokens = state.FixedTokens.Value + (summary is null ? 0 : count(summary) + _messageTokens);
        for (var i = 0; i < state.Transcript.Count; i++)
        {
            if (i >= summarisedTo)
                tokens += TokensOf(state.Transcript[i], shrunk: i < shrunkTo);
            else if (state.Transcript[i] is UserEntry user)
                tokens += count(user.Content);
        }
        return tokens;
    }

    /// <summary>What must be done before the next request; null when it fits, or when nothing more can be done.</summary>
    public ContextPlan? Plan(SessionState state, AgentDefinition agent, ToolOffer offer)
    {
        var budget = BudgetOf(state, agent);
        var before = Measure(state, agent, offer);
        if (before <= budget)
            return null;
        var fresh = FreshFrom(state);
        if (fresh > state.ShrunkTo)
        {
            var after = Measure(state, agent, offer, fresh, state.SummarisedTo, state.Summary);
            if (after <= budget * _worthShortening)
                return new(Summarise: false, fresh, before, after);
        }
        var to = KeptFrom(state, fresh, (int)(Math.Max(0, budget - state.FixedTokens!.Value) * _keptAfterSummary));
        return to > state.SummarisedTo ? new(Summarise: true, to, before, before) : null;
    }

    /// <summary>Where the last two rounds begin: their outputs stay whole.</summary>
    public static int FreshFrom(SessionState state)
    {
        var rounds = 0;
        for (var i = state.Transcript.Count - 1; i >= 0; i--)
        {
            if (state.Transcript[i] is AssistantEntry && ++rounds == _freshRounds)
                return i;
        }
        return 0;
    }

    /// <summary>Where what is kept begins: as much of the end as fits, never less than the last two rounds, never inside a round.</summary>
    private int KeptFrom(SessionState state, int fresh, int room)
    {
        var kept = fresh;
        var tokens = 0;
        for (var i = state.Transcript.Count - 1; i > state.SummarisedTo; i--)
        {
            tokens += TokensOf(state.Transcript[i], shrunk: i < fresh);
            if (i >= fresh)
                continue;
            if (tokens > room)
                break;
            if (state.Transcript[i] is not ToolEntry)
                kept = i;
        }
        return kept;
    }

    private int TokensOf(TranscriptEntry entry, bool shrunk)
    {
        if (shrunk && entry is ToolEntry tool)
            return tool.ShrunkTokens ??= count(ConversationText.Of(tool, shrunk: true)) + _messageTokens;
        return entry.Tokens ??= entry switch
        {
            UserEntry user => count(ConversationText.Of(user)) + _messageTokens,
            ToolEntry whole => count(ConversationText.Of(whole, shrunk: false)) + _messageTokens,
            AssistantEntry said => count(said.Content)
                + said.Calls.Sum(c => count(c.ToolName) + count(c.Arguments.GetRawText()) + _messageTokens)
                + _messageTokens,
            _ => 0,
        };
    }
}
