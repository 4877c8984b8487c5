using System.Buffers;
using System.Text;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Persistence;
using CodeLab.Modules.Llm.Usage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Llm.Privacy;

/// <summary>
/// Keeps contents of calls through the doors while an administrator has switched that on: the beginning of what was sent and came, secrets
/// masked, for a day. Off by default, switched on for a time only, and both switching and looking are audited (security.md §13).
/// </summary>
internal sealed partial class ContentBook(Database database, ControlStore control, TimeProvider time, ILogger<ContentBook> logger)
    : BackgroundService
{
    private static readonly TimeSpan Kept = TimeSpan.FromDays(1);
    private static readonly TimeSpan Sweep = TimeSpan.FromMinutes(10);

    /// <summary>Where a call's answer goes; null while contents are not kept.</summary>
    public ContentDraft? Begin(CallRequest request) =>
        control.Current.ContentUntil is { } until && time.GetUtcNow() < until ? new ContentDraft(request.Body) : null;

    public async Task KeepAsync(UsageEntry entry, ContentDraft draft)
    {
        var now = time.Milliseconds();
        try
        {
            await database.TransactAsync(
                (connection, transaction) =>
                    connection.ExecuteAsync(
                        "INSERT INTO llm_contents (call_id, user_id, request, response, created_at, expires_at) VALUES (@id, @u, @r, @a, @c, @e) "
                            + "ON CONFLICT (call_id) DO NOTHING",
                        transaction,
                        ("@id", entry.Id.ToString()),
                        ("@u", entry.UserId),
                        ("@r", Masked(draft.Request)),
                        ("@a", Masked(draft.Response)),
                        ("@c", now),
                        ("@e", now + (long)Kept.TotalMilliseconds)
                    ),
                CancellationToken.None
            );
        }
        catch (Exception e) when (e is System.Data.Common.DbException or DatabaseBusyException)
        {
            // Nobody's answer fails for the sake of looking over its shoulder.
            NotKept(e.GetType().Name);
        }
    }

    /// <summary>Deletes what is over its time.</summary>
    public Task<int> SweepAsync(CancellationToken cancellationToken) =>
        database.TransactAsync(
            (connection, transaction) =>
                connection.ExecuteAsync("DELETE FROM llm_contents WHERE expires_at <= @now", transaction, ("@now", time.Milliseconds())),
            cancellationToken
        );

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Sweep, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await SweepAsync(stoppingToken);
            }
            catch (Exception e) when (e is System.Data.Common.DbException or DatabaseBusyException)
            {
                NotKept(e.GetType().Name);
            }
        }
    }

    private static string Masked(ReadOnlyMemory<byte> text) =>
        // PostgreSQL takes no NUL in a text.
        ContentMask.Mask(Encoding.UTF8.GetString(text.Span)).Replace('\0', ' ');

    [LoggerMessage(4027, LogLevel.Warning, "Contents could not be kept or deleted ({Failure})")]
    private partial void NotKept(string failure);
}

/// <summary>The beginning of a call's contents.</summary>
internal sealed class ContentDraft
{
    private const int Most = 64 * 1024;
    private readonly ArrayBufferWriter<byte> _response = new(1024);

    public ContentDraft(in ReadOnlySequence<byte> body) => Request = body.Slice(0, Math.Min(Most, body.Length)).ToArray();

    public ReadOnlyMemory<byte> Request { get; }

    public ReadOnlyMemory<byte> Response => _response.WrittenMemory;

    public void Append(ReadOnlySpan<byte> piece)
    {
        var room = Most - _response.WrittenCount;
        if (room > 0)
            _response.Write(piece.Length > room ? piece[..room] : piece);
    }
}
