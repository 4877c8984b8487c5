using System.Diagnostics;
using System.Diagnostics.Metrics;
using CodeLab.Modules.Llm.Calls;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>
/// Counts calls by provider, model and outcome: the published names (protocol.md §10.3) and OpenTelemetry's conventions for generative AI. Labels
/// never hold ids, and model names come from providers' lists and administrators, never from a caller's free text.
/// </summary>
internal sealed class LlmMetrics
{
    private readonly Counter<long> _calls;
    private readonly Counter<long> _tokens;
    private readonly Counter<long> _refusals;
    private readonly Histogram<double> _overhead;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _firstToken;
    private readonly Histogram<long> _usage;

    public LlmMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("CodeLab.Llm");
        _calls = meter.CreateCounter<long>("llm_calls", "{call}", "Calls to models");
        _tokens = meter.CreateCounter<long>("llm_tokens", "{token}", "Tokens by direction");
        _refusals = meter.CreateCounter<long>("llm_refusals", "{call}", "Calls that were not admitted");
        _overhead = meter.CreateHistogram(
            "llm_overhead",
            "s",
            "Time a call spent here and not at its provider",
            advice: Buckets([0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1])
        );
        _duration = meter.CreateHistogram(
            "gen_ai.client.operation.duration",
            "s",
            "From the request to the end of the answer",
            advice: Buckets([0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92])
        );
        _firstToken = meter.CreateHistogram(
            "gen_ai.server.time_to_first_token",
            "s",
            "From the request to the first piece of the answer",
            advice: Buckets([0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10])
        );
        _usage = meter.CreateHistogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Tokens of a call",
            advice: new InstrumentAdvice<long>
            {
                HistogramBucketBoundaries =
                [
                    1,
                    4,
                    16,
                    64,
                    256,
                    1024,
                    4096,
                    16_384,
                    65_536,
                    262_144,
                    1_048_576,
                    4_194_304,
                    16_777_216,
                    67_108_864,
                ],
            }
        );
    }

    public void Record(UsageEntry entry, CallOutcome outcome)
    {
        _calls.Add(1, new("provider", entry.Provider), new("model", entry.Model), new("outcome", entry.Outcome));
        Tokens(entry, "input", entry.InputTokens);
        Tokens(entry, "output", entry.OutputTokens);
        Tokens(entry, "cached", entry.CachedTokens);
        Tokens(entry, "reasoning", entry.ReasoningTokens);
        if (outcome.Overhead > TimeSpan.Zero)
            _overhead.Record(outcome.Overhead.TotalSeconds, new KeyValuePair<string, object?>("door", entry.Door));
        var tags = new TagList
        {
            { "gen_ai.operation.name", entry.Door == "embeddings" ? "embeddings" : "chat" },
            { "gen_ai.provider.name", entry.Provider },
            { "gen_ai.request.model", entry.Model },
        };
        if (outcome.FirstToken is { } first)
            _firstToken.Record(first.TotalSeconds, tags);
        if (!entry.IsEstimated && entry.InputTokens + entry.OutputTokens > 0)
        {
            tags.Add("gen_ai.token.type", "input");
            _usage.Record(entry.InputTokens, tags);
            tags.RemoveAt(3);
            tags.Add("gen_ai.token.type", "output");
            _usage.Record(entry.OutputTokens, tags);
            tags.RemoveAt(3);
        }
        if (entry.Outcome is not (CallOutcome.Completed or CallOutcome.Cancelled))
            tags.Add("error.type", entry.Outcome);
        _duration.Record(entry.DurationMs / 1000.0, tags);
    }

    /// <summary>Counts a call that was not admitted.</summary>
    public void Refused(string code) => _refusals.Add(1, new KeyValuePair<string, object?>("code", code));

    private void Tokens(UsageEntry entry, string direction, long count)
    {
        if (count > 0)
            _tokens.Add(count, new("provider", entry.Provider), new("model", entry.Model), new("direction", direction));
    }

    private static InstrumentAdvice<double> Buckets(double[] bounds) => new() { HistogramBucketBoundaries = bounds };
}
