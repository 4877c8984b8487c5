using System.Data.Common;
using CodeLab.BuildingBlocks.Cluster;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Results;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Persistence;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Llm.Admin;

/// <summary>
/// Holds what administrators have set, and changes it: the change, its audit event and the new version are one transaction. Every node looks
/// for a new version each second, and at once when another tells it, so that a change is everywhere within 2 s. Readers take the snapshot as
/// it is; nothing on the way of a call waits.
/// </summary>
internal sealed partial class ControlStore(
    Database database,
    ControlReader reader,
    ModelCatalogue catalogue,
    ModelFactsBook facts,
    TimeProvider time,
    ILogger<ControlStore> logger,
    IClusterBus? bus = null,
    IAuditTrail? audit = null,
    StartupGate? gate = null
) : BackgroundService, IStartupTask
{
    private const string Channel = "llm:control";
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
    private readonly SemaphoreSlim _loading = new(1);
    private IDisposable? _subscription;
    private volatile ControlSnapshot _current = ControlSnapshot.Empty;

    public int Order => 200;

    /// <summary>What is set now.</summary>
    public ControlSnapshot Current => _current;

    /// <summary>Reads what is set before the first call.</summary>
    public Task RunAsync(CancellationToken cancellationToken)
    {
        _subscription = bus?.Subscribe(Channel, async _ => await LoadAsync(CancellationToken.None));
        return LoadAsync(cancellationToken);
    }

    /// <summary>
    /// Changes something. <paramref name="change"/> runs in the transaction and answers with a value and the event for the audit, or with an
    /// error and nothing written.
    /// </summary>
    public async Task<Result<T>> ChangeAsync<T>(
        Func<DbConnection, DbTransaction?, Task<Result<Changed<T>>>> change,
        CancellationToken cancellationToken
    )
    {
        var result = await database.TransactAsync(
            async (connection, transaction) =>
            {
                var changed = await change(connection, transaction);
                if (!changed.IsOk)
                    return changed;
                await connection.ExecuteAsync(
                    "INSERT INTO llm_settings (name, number) VALUES (@n, 1) ON CONFLICT (name) DO UPDATE SET number = llm_settings.number + 1",
                    transaction,
                    ("@n", ControlSettings.Version)
                );
                if (audit is not null)
                {
                    foreach (var entry in changed.Value.Events)
                        await audit.AppendAsync(connection, transaction, entry);
                }
                return changed;
            },
            cancellationToken
        );
        if (result.Error is { } error)
            return error;
        // The caller sees its own change; others hear of it, or find it within a second.
        await LoadAsync(CancellationToken.None);
        if (bus is not null)
            await bus.PublishAsync(Channel, ReadOnlyMemory<byte>.Empty, CancellationToken.None);
        return result.Value!.Value;
    }

    /// <summary>Reads again if anything has changed.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        await _loading.WaitAsync(cancellationToken);
        try
        {
            var version = await reader.ReadVersionAsync(cancellationToken);
            if (version == _current.Version && !ReferenceEquals(_current, ControlSnapshot.Empty))
                return;
            var next = await reader.ReadAsync(cancellationToken);
            facts.Apply(next.Prices, next.Currencies);
            catalogue.Apply([.. next.Providers.Select(p => p.Settings).OfType<Providers.ProviderSettings>()]);
            _current = next;
            Loaded(next.Version);
        }
        finally
        {
            _loading.Release();
        }
    }

    public override void Dispose()
    {
        _subscription?.Dispose();
        _loading.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (gate is not null)
            await gate.Opened.WaitAsync(stoppingToken);
        using var timer = new PeriodicTimer(Poll, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await LoadAsync(stoppingToken);
            }
            catch (Exception e) when (e is DbException or DatabaseBusyException)
            {
                // What was set last stays in force until the database is back.
                NotLoaded(e.GetType().Name);
            }
        }
    }

    [LoggerMessage(4024, LogLevel.Information, "Settings of models at version {Version}")]
    private partial void Loaded(long version);

    [LoggerMessage(4025, LogLevel.Warning, "Settings of models could not be read ({Failure})")]
    private partial void NotLoaded(string failure);
}

/// <summary>What a change answers, and what the audit is told.</summary>
internal sealed record Changed<T>(T Value, params IReadOnlyList<AuditEvent> Events);
