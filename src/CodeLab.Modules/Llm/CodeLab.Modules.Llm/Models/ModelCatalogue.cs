using System.Threading.Channels;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Llm.Providers;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Routing;
using CodeLab.Modules.Llm.Usage;
using CodeLab.Protocol.Rest;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Llm.Models;

/// <summary>
/// Which providers there are and what they serve. Listings are fetched in the background; the first use waits for them, but not long, and a name
/// with a provider's prefix does not wait at all.
/// </summary>
internal sealed partial class ModelCatalogue : IDisposable
{
    private static readonly TimeSpan _mostWait = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan _mendAfter = TimeSpan.FromSeconds(15);
    private readonly SemaphoreSlim _refreshing = new(1);
    private readonly Lock _lock = new();
    private readonly LlmOptions _options;
    private readonly ModelFactsBook _facts;
    private readonly ProviderTransport _transport;
    private readonly EgressBook _egress;
    private readonly ProviderHealthBook _health;
    private readonly TimeProvider _time;
    private readonly ILogger<ModelCatalogue> _logger;
    private readonly Dictionary<string, IProviderKind> _kinds;
    private readonly IReadOnlyList<ProviderEntry> _environment;
    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }
    );
    private volatile CatalogueSnapshot _snapshot;
    private Task? _first;

    public ModelCatalogue(
        IEnumerable<IProviderKind> kinds,
        IConfiguration configuration,
        IOptions<LlmOptions> options,
        ModelFactsBook facts,
        ProviderTransport transport,
        EgressBook egress,
        ProviderHealthBook health,
        TimeProvider time,
        ILogger<ModelCatalogue> logger
    )
    {
        (_options, _facts, _transport, _egress, _health, _time, _logger) = (options.Value, facts, transport, egress, health, time, logger);
        _kinds = kinds.ToDictionary(kind => kind.Kind, StringComparer.Ordinal);
        _environment =
        [
            .. _kinds
                .Values.OrderBy(kind => kind.Order)
                .Select(kind => (Kind: kind, Settings: kind.FromEnvironment(configuration, _options)))
                .Where(p => p.Settings is not null)
                .Select(p => new ProviderEntry(p.Kind, p.Settings!, p.Settings!.Models, Answered: false)),
        ];
        _snapshot = new CatalogueSnapshot(_environment, default);
    }

    /// <summary>Providers the environment describes: read-only.</summary>
    public IReadOnlyList<ProviderEntry> Environment => _environment;

    /// <summary>A provider came or changed, so that models should be listed again.</summary>
    public ChannelReader<bool> Changes => _changes.Reader;

    /// <summary>What is known now, without waiting.</summary>
    public CatalogueSnapshot Current => _snapshot;

    /// <summary>What is known once every provider was asked for its models, or after 6 s.</summary>
    public async Task<CatalogueSnapshot> GetAsync(CancellationToken cancellationToken)
    {
        try
        {
            await FirstAsync().WaitAsync(_mostWait, _time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // Configured names and prefixes work without a listing.
        }
        return _snapshot;
    }

    /// <summary>
    /// Replaces the providers of the database. What is known of unchanged ones stays; calls that have one in hand go on with it. A name the
    /// environment uses is the environment's.
    /// </summary>
    public void Apply(IReadOnlyList<ProviderSettings> stored)
    {
        lock (_lock)
        {
            var known = _snapshot.Providers.ToDictionary(p => p.Settings.Name, StringComparer.Ordinal);
            var entries = _environment
                .Select(e => known.GetValueOrDefault(e.Settings.Name, e))
                .Concat(
                    stored
                        .Where(s => !_environment.Any(e => e.Settings.Name == s.Name))
                        .Select(s =>
                            known.TryGetValue(s.Name, out var old) && old.Settings.IsSameAs(s)
                                ? old
                                : new ProviderEntry(_kinds[s.Kind], s, s.Models, Answered: false)
                        )
                )
                .OrderBy(e => e.Kind.Order)
                .ToList();
            var isNews = entries.Exists(e => !_snapshot.Providers.Contains(e));
            _snapshot = new CatalogueSnapshot(entries, _snapshot.TakenAt);
            if (isNews)
                _changes.Writer.TryWrite(true);
        }
    }

    /// <summary>Finds who serves a model among what is known now.</summary>
    public ResolvedModel? TryResolve(string name) => Find(_snapshot, name.Length > 0 ? name : _options.DefaultModel);

    /// <summary>Finds who serves a model.</summary>
    /// <param name="name">Name, with or without a provider's prefix; null = the default model.</param>
    /// <param name="cancellationToken">Ends the wait for listings.</param>
    public async Task<Result<ResolvedModel>> ResolveAsync(string? name, CancellationToken cancellationToken)
    {
        name = string.IsNullOrWhiteSpace(name) ? _options.DefaultModel : name.Trim();
        if (name.Length > 0 && !ModelName.IsValid(name))
            return ModelErrors.Unknown(null);
        // With its prefix the provider is certain before any list is there.
        if (name.Length > 0 && Prefixed(_snapshot, name) is { } certain && !certain.Provider.IsProbed)
            return certain;
        var snapshot = await GetAsync(cancellationToken);
        if (Find(snapshot, name) is { } found)
            return found;
        if (!snapshot.Providers.All(p => p.Answered) && _time.GetElapsedTime(snapshot.TakenAt) > _mendAfter)
        {
            // A provider was down when it was last asked.
            await RefreshAsync(cancellationToken);
            snapshot = _snapshot;
            if (Find(snapshot, name) is { } mended)
                return mended;
        }
        return name.Length > 0 ? ModelErrors.Unknown(name) : ModelErrors.NoDefault();
    }

    /// <summary>The models a user may choose: those that chat, the default one flagged.</summary>
    public async Task<IReadOnlyList<ModelInfo>> ListAsync(CancellationToken cancellationToken)
    {
        var snapshot = await GetAsync(cancellationToken);
        var standard = Find(snapshot, _options.DefaultModel);
        var models = new List<ModelInfo>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var provider in snapshot.Providers)
        {
            foreach (var model in provider.Models.Where(ModelChoice.CanChat))
            {
                // The second provider of a name is reached by its prefix.
                var id = seen.Add(model) ? model : $"{provider.Settings.Name}/{model}";
                models.Add(Resolved(provider, model, id).ToInfo(IsDefault(provider, model)));
            }
        }
        if (standard is not null && !models.Exists(m => m.IsDefault))
            models.Insert(0, standard.ToInfo(isDefault: true));
        return models;

        bool IsDefault(ProviderEntry provider, string model) =>
            standard is not null && standard.Provider.Name == provider.Settings.Name && standard.Model == model;
    }

    /// <summary>Asks every provider for its models, each within its own time. Failures are logged and leave the last list.</summary>
    public Task RefreshAsync(CancellationToken cancellationToken) => RefreshAsync(_ => true, cancellationToken);

    /// <summary>The same for some of the providers.</summary>
    public async Task RefreshAsync(Func<ProviderEntry, bool> which, CancellationToken cancellationToken)
    {
        await _refreshing.WaitAsync(cancellationToken);
        try
        {
            var asked = _snapshot.Providers.Where(which).ToList();
            if (asked.Count == 0 && _snapshot.TakenAt != 0)
                return;
            var listed = await Task.WhenAll(asked.Select(p => ListAsync(p, cancellationToken)));
            lock (_lock)
            {
                // Providers may have come, gone or changed meanwhile: only what was asked of the very same one counts.
                var answers = asked.Zip(listed).ToList();
                _snapshot = new CatalogueSnapshot(
                    [.. _snapshot.Providers.Select(p => answers.Find(a => ReferenceEquals(a.First, p)).Second ?? p)],
                    _time.GetTimestamp()
                );
            }
        }
        finally
        {
            _refreshing.Release();
        }
    }

    public void Dispose() => _refreshing.Dispose();

    private Task FirstAsync()
    {
        if (_first is { } running)
            return running;
        lock (_lock)
        {
            // Not with the first caller's token: others wait for it, too. Every listing has its own limit.
            return _first ??= RefreshAsync(CancellationToken.None);
        }
    }

    private async Task<ProviderEntry> ListAsync(ProviderEntry entry, CancellationToken cancellationToken)
    {
        var provider = entry.Settings;
        var limits = new CallLimits(provider.ListingTimeout, provider.ListingTimeout, provider.ListingTimeout, Retries: 0, TimeSpan.Zero);
        using var call = new ProviderCall(provider, limits, _time, cancellationToken);
        using var http = _transport.CreateClient(call);
        _egress.Note(provider, EgressReasons.Models);
        try
        {
            var listed = await entry.Kind.ListModelsAsync(provider, http, call.Token);
            if (!entry.Answered && entry.Settings.BaseUrl is not null)
                Listed(provider.Name, listed.Count);
            _health.Succeeded(provider, EgressReasons.Models);
            return entry with
            {
                Models = [.. provider.Models.Union(listed, StringComparer.Ordinal)],
                Answered = true,
                Fault = null,
                CheckedAt = _time.GetUtcNow(),
            };
        }
        catch (Exception e)
            when (!cancellationToken.IsCancellationRequested && (ProviderException.In(e) is not null || e is OperationCanceledException))
        {
            var failure = ProviderException.In(e) ?? new ProviderException(FailureCodes.Timeout, $"{provider.Name} does not answer.", e);
            // Silence where nobody promised an answer is no news.
            if (!provider.IsProbed)
            {
                NotListed(provider.Name, failure.Code, failure.Status ?? 0);
                _health.Failed(provider, EgressReasons.Models, failure);
            }
            return entry with { Answered = false, Fault = failure.Message, CheckedAt = _time.GetUtcNow() };
        }
    }

    private ResolvedModel? Find(CatalogueSnapshot snapshot, string name)
    {
        if (name.Length == 0)
            return Default(snapshot);
        if (Prefixed(snapshot, name) is { } prefixed)
            return prefixed;
        foreach (var provider in snapshot.Providers)
        {
            // Ollama lists "llama3:latest" and takes "llama3".
            var model = provider.Models.FirstOrDefault(m => m.Equals(name, StringComparison.Ordinal) || m == name + ":latest");
            if (model is not null)
                return Resolved(provider, model, name);
        }
        return null;
    }

    private ResolvedModel? Prefixed(CatalogueSnapshot snapshot, string name)
    {
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        if (slash <= 0 || slash == name.Length - 1)
            return null;
        var provider = snapshot.Providers.FirstOrDefault(p => p.Settings.Name.AsSpan().SequenceEqual(name.AsSpan(0, slash)));
        // A merely looked-for provider has to have answered; the demo serves one name only.
        if (provider is null || (provider.Settings.IsProbed && !provider.Answered))
            return null;
        var model = name[(slash + 1)..];
        return provider.Settings.BaseUrl is null && !provider.Models.Contains(model, StringComparer.Ordinal)
            ? null
            : Resolved(provider, model, name);
    }

    /// <summary>The first real provider's best model; the demo only where there is no real provider at all.</summary>
    private ResolvedModel? Default(CatalogueSnapshot snapshot)
    {
        var real = snapshot.Providers.Where(p => p.IsReal).ToList();
        foreach (var provider in real)
        {
            var model = provider.Settings.Models is [var chosen, ..]
                ? chosen
                : provider.Kind.ChooseDefault(provider.Settings, provider.Models);
            if (model is not null)
                return Resolved(provider, model, Id(snapshot, provider, model));
        }
        if (real.Exists(p => !p.Settings.IsProbed))
            return null;
        var demo = snapshot.Providers.First(p => p.Settings.BaseUrl is null);
        return Resolved(demo, demo.Models[0], demo.Models[0]);
    }

    private static string Id(CatalogueSnapshot snapshot, ProviderEntry provider, string model) =>
        snapshot.Providers.FirstOrDefault(p => p.Models.Contains(model, StringComparer.Ordinal)) == provider
            ? model
            : $"{provider.Settings.Name}/{model}";

    private ResolvedModel Resolved(ProviderEntry provider, string model, string id) =>
        new(id, model, provider.Kind, provider.Settings, provider.Kind.Complete(_facts.Find(model)));

    [LoggerMessage(4001, LogLevel.Information, "Provider {Provider} serves {Models} models")]
    private partial void Listed(string provider, int models);

    [LoggerMessage(4002, LogLevel.Warning, "Provider {Provider} did not list its models: {Code} (status {Status})")]
    private partial void NotListed(string provider, string code, int status);
}

/// <summary>The catalogue at a moment.</summary>
/// <param name="Providers">Providers in the order in which they are asked.</param>
/// <param name="TakenAt">Timestamp of the listing; 0 before the first.</param>
internal sealed record CatalogueSnapshot(IReadOnlyList<ProviderEntry> Providers, long TakenAt);

/// <summary>A provider and what it serves.</summary>
internal sealed record ProviderEntry(IProviderKind Kind, ProviderSettings Settings, IReadOnlyList<string> Models, bool Answered)
{
    /// <summary>Why it did not answer when it was last asked; null when it did.</summary>
    public string? Fault { get; init; }

    /// <summary>When it was last asked.</summary>
    public DateTimeOffset? CheckedAt { get; init; }

    /// <summary>A real model may be had from it.</summary>
    public bool IsReal => Settings.BaseUrl is not null && (!Settings.IsProbed || Answered);
}

/// <summary>A model and who serves it.</summary>
/// <param name="Id">Name as clients use it.</param>
/// <param name="Model">Name as the provider knows it.</param>
/// <param name="Kind">How to talk to it.</param>
/// <param name="Provider">Where it is.</param>
/// <param name="Facts">Limits and prices.</param>
internal sealed record ResolvedModel(string Id, string Model, IProviderKind Kind, ProviderSettings Provider, ModelFacts Facts)
{
    public ModelInfo ToInfo(bool isDefault) =>
        new()
        {
            Id = Id,
            Provider = Provider.Name,
            ContextWindow = Facts.ContextWindow,
            MaxOutputTokens = Facts.MaxOutputTokens,
            SupportsTools = true,
            SupportsVision = ModelChoice.CanSee(Model),
            IsDefault = isDefault,
        };
}

/// <summary>Errors of naming a model.</summary>
internal static class ModelErrors
{
    public static Error Unknown(string? name) =>
        new(
            FailureCodes.InvalidModel,
            name is null
                ? "This is no model name. Choose one of the models listed by GET /api/v1/models."
                : $"No provider serves the model '{name}'. Choose one of the models listed by GET /api/v1/models, or name the provider first, as in openai/{name}.",
            400
        );

    public static Error NoDefault() =>
        new(
            FailureCodes.InvalidModel,
            "A provider is configured, but it lists no models. Name one with CodeLab__Llm__DefaultModel, or check the provider's address and key.",
            400
        );
}
