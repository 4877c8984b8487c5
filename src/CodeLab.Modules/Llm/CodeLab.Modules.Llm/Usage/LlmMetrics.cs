using System.Diagnostics.Metrics;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>Counts calls by provider, model and outcome. Labels never hold ids.</summary>
internal sealed class LlmMetrics
{
    private readonly Counter<long> _calls;
    private readonly Counter<long> _tokens;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _firstToken;

    public LlmMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("CodeLab.Llm");
        _calls = meter.CreateCounter<long>("codelab_llm_calls", "{call}", "Calls to models");
        _tokens = meter.CreateCounter<long>("codelab_llm_tokens", "{token}", "Tokens by direction");
        _duration = meter.CreateHistogram<double>("codelab_llm_call_duration_seconds", "s", "From the request to the end of the answer");
        _firstToken = meter.CreateHistogram<double>("codelab_llm_first_token_seconds", "s", "From the request to the first piece");
    }

    public void Record(UsageEntry entry)
    {
        KeyValuePair<string, object?> provider = new("provider", entry.Provider);
        KeyValuePair<string, object?> model = new("model", entry.Model);
        KeyValuePair<string, object?> outcome = new("outcome", entry.Outcome);
        _calls.Add(1, provider, model, outcome);
        _duration.Record(entry.DurationMs / 1000.0, provider, model, outcome);
        if (entry.FirstTokenMs is { } first)
            _firstToken.Record(first / 1000.0, provider, model);
        Tokens("input", entry.InputTokens);
        Tokens("output", entry.OutputTokens);
        Tokens("cached", entry.CachedTokens);
        Tokens("reasoning", entry.ReasoningTokens);

        void Tokens(string direction, long count)
        {
            if (count > 0)
                _tokens.Add(count, provider, model, new KeyValuePair<string, object?>("direction", direction));
        }
    }
}
