using System.Collections.Concurrent;
using CodeLab.BuildingBlocks.Secrets;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Privacy;
using CodeLab.Modules.Llm.Providers;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Usage;
using MediatR;

namespace CodeLab.Modules.Llm.Routing;

/// <summary>
/// Remembers how providers did, for administrators: failures with the provider's own words, and recoveries. In memory only: what a provider
/// says may hold what somebody asked it, and has no place in the database or a log.
/// </summary>
internal sealed class ProviderHealthBook(TimeProvider time)
{
    private const int MostEvents = 100;
    private const int MostProviders = 1_000;
    private const int LongestText = 500;
    private readonly ConcurrentDictionary<string, Record> _records = new(StringComparer.Ordinal);

    public void Succeeded(ProviderSettings provider, string reason, string? model = null) =>
        Of(provider)?.Succeeded(time.GetUtcNow(), reason, model, provider.Name);

    public void Failed(ProviderSettings provider, string reason, ProviderException failure, string? model = null) =>
        Of(provider)
            ?.Failed(
                new ProviderHealthEvent
                {
                    At = time.GetUtcNow(),
                    LastAt = time.GetUtcNow(),
                    Reason = reason,
                    Model = model,
                    Code = failure.Code,
                    Status = failure.Status,
                    Message = failure.Message,
                    Upstream = Shown(failure.Upstream, provider),
                }
            );

    /// <summary>A call broke off after its answer had begun; the words for it went to the caller.</summary>
    public void BrokeOff(ProviderSettings provider, string code, string model) =>
        Failed(
            provider,
            EgressReasons.Call,
            new ProviderException(
                code,
                code == FailureCodes.Timeout
                    ? $"{provider.Name} fell silent in the middle of an answer."
                    : $"An answer of {provider.Name} broke off or could not be read."
            ),
            model
        );

    /// <summary>All providers, or the one of a name.</summary>
    public IReadOnlyList<ProviderHealth> List(string? provider) =>
        [
            .. _records
                .Where(r => provider is null || r.Key == provider)
                .OrderBy(r => r.Key, StringComparer.Ordinal)
                .Select(r => r.Value.ToHealth(r.Key)),
        ];

    private Record? Of(ProviderSettings provider)
    {
        if (provider.BaseUrl is null)
            return null;
        if (_records.TryGetValue(provider.Name, out var known))
            return known;
        // Only administrators make providers; the bound is for a script that makes and deletes them all day.
        if (_records.Count >= MostProviders)
            _records.Clear();
        return _records.GetOrAdd(provider.Name, static _ => new Record());
    }

    private static string? Shown(string? text, ProviderSettings provider)
    {
        if (string.IsNullOrWhiteSpace(text))
            return null;
        // Some vendors repeat the key they refuse, in whole or in part.
        if (provider.ApiKey.Length > 0)
            text = text.Replace(provider.ApiKey, "***", StringComparison.Ordinal);
        return Redaction.Cut(Redaction.EscapeControls(ContentMask.Mask(text)), LongestText);
    }

    private sealed class Record
    {
        private readonly Lock _lock = new();
        private readonly LinkedList<ProviderHealthEvent> _events = [];
        private long _failures;
        private long _succeededAt;
        private DateTimeOffset? _failedAt;
        private volatile bool _isFailing;

        public void Succeeded(DateTimeOffset at, string reason, string? model, string provider)
        {
            Volatile.Write(ref _succeededAt, at.UtcTicks);
            if (!_isFailing)
                return;
            lock (_lock)
            {
                if (!_isFailing)
                    return;
                _isFailing = false;
                Add(
                    new ProviderHealthEvent
                    {
                        At = at,
                        LastAt = at,
                        Reason = reason,
                        Model = model,
                        Ok = true,
                        Message = $"{provider} answers again.",
                    }
                );
            }
        }

        public void Failed(ProviderHealthEvent failure)
        {
            lock (_lock)
            {
                _failures++;
                _failedAt = failure.At;
                _isFailing = true;
                if (
                    _events.First?.Value is { Ok: false } last
                    && (last.Reason, last.Model, last.Code, last.Status, last.Message)
                        == (failure.Reason, failure.Model, failure.Code, failure.Status, failure.Message)
                )
                    _events.First.Value = failure with { At = last.At, Times = last.Times + 1 };
                else
                    Add(failure);
            }
        }

        public ProviderHealth ToHealth(string provider)
        {
            lock (_lock)
            {
                var succeeded = Volatile.Read(ref _succeededAt);
                return new ProviderHealth
                {
                    Provider = provider,
                    LastSuccessAt = succeeded == 0 ? null : new DateTimeOffset(succeeded, TimeSpan.Zero),
                    LastFailureAt = _failedAt,
                    Failures = _failures,
                    Events = [.. _events],
                };
            }
        }

        private void Add(ProviderHealthEvent entry)
        {
            _events.AddFirst(entry);
            if (_events.Count > MostEvents)
                _events.RemoveLast();
        }
    }
}

internal sealed class ListProviderHealthHandler(ProviderHealthBook health)
    : IRequestHandler<ListProviderHealthQuery, IReadOnlyList<ProviderHealth>>
{
    public Task<IReadOnlyList<ProviderHealth>> Handle(ListProviderHealthQuery request, CancellationToken cancellationToken) =>
        Task.FromResult(health.List(request.Provider));
}
