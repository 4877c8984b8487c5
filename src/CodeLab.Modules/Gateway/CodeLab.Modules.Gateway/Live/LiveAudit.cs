using System.Threading.Channels;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Audit;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>
/// Tells the audit who opened a live connection and how it ended (security.md §13). In groups and behind the connections: an office that comes
/// back after a restart opens hundreds in one moment, and none of them waits for a row. What is told is written before the host ends.
/// </summary>
internal sealed partial class LiveAudit(
    Database database,
    IAuditTrail trail,
    ClientAddress addresses,
    TimeProvider time,
    ILogger<LiveAudit> logger
) : BackgroundService
{
    // Ten minutes of a thousand connections a minute; who fills it has a database that does not answer.
    private const int Most = 20_000;
    private const int Group = 200;
    private static readonly TimeSpan _again = TimeSpan.FromSeconds(1);

    private readonly Channel<AuditEvent> _events = Channel.CreateBounded<AuditEvent>(
        // Full: the newest is left out, and the log says so. Waiting would hold up connections for the sake of their row.
        new BoundedChannelOptions(Most) { FullMode = BoundedChannelFullMode.Wait, SingleReader = true }
    );

    /// <summary>Tells that a connection opened; dispose the answer when it has ended.</summary>
    public Opened Open(LiveConnection connection, string door, string? sessionId, HttpContext? http)
    {
        var entry = new AuditEvent("socket.opened")
        {
            Actor = connection.UserId.Length == 0 ? null : connection.UserId,
            Subject = connection.Id,
            Session = sessionId ?? connection.SignInId,
            Ip = http is null ? null : addresses.Of(http),
            UserAgent = http?.Request.Headers.UserAgent.ToString() is { Length: > 0 } program ? program : null,
            ClientId = http?.User.FindFirst("client_id")?.Value,
            Metadata = new Dictionary<string, object?>(StringComparer.Ordinal) { ["door"] = door },
        };
        Tell(entry);
        return new(this, connection, entry, door, time.GetTimestamp());
    }

    /// <summary>The server has stopped before this, so nothing is told any more: what waits is written.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _events.Writer.TryComplete();
        await Task.WhenAny(ExecuteTask ?? Task.CompletedTask, Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken));
        await base.StopAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var group = new List<AuditEvent>(Group);
        while (await _events.Reader.WaitToReadAsync(stoppingToken))
        {
            while (group.Count < Group && _events.Reader.TryRead(out var next))
                group.Add(next);
            await WriteAsync(group, stoppingToken);
            group.Clear();
        }
    }

    private async Task WriteAsync(List<AuditEvent> group, CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                await database.TransactAsync(
                    async (connection, transaction) =>
                    {
                        foreach (var entry in group)
                            await trail.AppendAsync(connection, transaction, entry);
                        return true;
                    },
                    stoppingToken
                );
                return;
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                // The database is away or busy: the rows wait for it.
                NotWritten(failure.GetType().Name, group.Count);
                await Task.Delay(_again, time, stoppingToken);
            }
        }
    }

    private TimeSpan Since(long timestamp) => time.GetElapsedTime(timestamp);

    private void Tell(AuditEvent entry)
    {
        if (!_events.Writer.TryWrite(entry))
            LeftOut(entry.Type);
    }

    [LoggerMessage(1010, LogLevel.Warning, "The audit of connections is not written yet ({Failure}): {Count} rows wait")]
    private partial void NotWritten(string failure, int count);

    [LoggerMessage(1011, LogLevel.Error, "A row {Type} was left out of the audit: too many wait for the database")]
    private partial void LeftOut(string type);

    /// <summary>A connection whose end is to be told.</summary>
    internal sealed class Opened(LiveAudit audit, LiveConnection connection, AuditEvent opened, string door, long since) : IDisposable
    {
        /// <summary>Tells that it ended, how, and how long it lasted.</summary>
        public void Dispose() =>
            audit.Tell(
                opened with
                {
                    Type = "socket.closed",
                    Reason = connection.ClosedBecause is { Text.Length: > 0 } reason ? reason.Text : "The client left",
                    Metadata = new Dictionary<string, object?>(StringComparer.Ordinal)
                    {
                        ["door"] = door,
                        ["seconds"] = Math.Round(audit.Since(since).TotalSeconds, 1),
                    },
                }
            );
    }
}
