using System.Data.Common;
using CodeLab.Modules.Agent.Events;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Agent.Sessions.Runtime;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Protocol.Rest;

namespace CodeLab.Modules.Agent.Sessions.Transfer;

/// <summary>A copy to make.</summary>
/// <param name="Owner">Whose it will be.</param>
/// <param name="How">One of <see cref="Origins"/>.</param>
/// <param name="From">The session it is copied from.</param>
/// <param name="Title">Title of the copy; null = that of the log.</param>
internal sealed record CopyOrder(string Owner, string How, string? From, string? Title);

/// <summary>An event on its way into a copy.</summary>
internal readonly record struct CopiedEvent(SessionEvent? Happened, LoggedEvent Row);

/// <summary>
/// Writes a log that comes from elsewhere as a session of its own. Pages of it are appended as they come, to a session that nobody sees (it
/// counts as deleted) until the last append makes it whole: neither a fault in the middle nor a crash leaves half a session behind.
/// </summary>
internal sealed class SessionCopier(ISessionStore store, SessionRuntime runtime, SessionRemoval removal, IAuditTrail? audit = null)
{
    private const int _pageEvents = 256;
    private const int _pageBytes = 512 * 1024;
    private static readonly TimeSpan _lease = TimeSpan.FromMinutes(5);

    /// <summary>Makes the copy.</summary>
    /// <param name="order">What to make.</param>
    /// <param name="events">The log, from its first event. An exception of it ends the copy and comes out again.</param>
    /// <param name="cancellationToken">Gives up; nothing is left.</param>
    public async Task<SessionInfo> CopyAsync(CopyOrder order, IAsyncEnumerable<CopiedEvent> events, CancellationToken cancellationToken)
    {
        var copy = new Copy(order, Guid.NewGuid().ToString(), $"copy:{Guid.NewGuid():N}");
        var lease = await store.AcquireLeaseAsync(copy.Id, copy.Holder, _lease, cancellationToken);
        copy.Epoch = lease?.Epoch ?? throw new InvalidOperationException("A new session's lease is taken");
        try
        {
            await foreach (var next in events.WithCancellation(cancellationToken))
            {
                copy.Take(next);
                if (copy.Page.Count >= _pageEvents || copy.PageBytes >= _pageBytes)
                    await AppendAsync(copy, isWhole: false, cancellationToken);
            }
            await FinishAsync(copy, cancellationToken);
            return copy.State.ToInfo();
        }
        catch
        {
            // Whoever asked may be gone; what was written must go all the same.
            await removal.RemoveAsync(copy.Id, all: true, CancellationToken.None);
            throw;
        }
        finally
        {
            await store.ReleaseLeasesAsync(copy.Holder, [copy.Id], CancellationToken.None);
        }
    }

    private async Task FinishAsync(Copy copy, CancellationToken cancellationToken)
    {
        var (state, order) = (copy.State, copy.Order);
        var copied = state.LastSeq;
        var now = runtime.Now();
        var added = new List<SessionEvent>();
        if (order.Title is { } title && title != state.Title)
            added.AddRange(Decide(copy, new EngineInput.Update(title, null, null), now));
        added.AddRange(Decide(copy, new EngineInput.Copied(order.How, order.From, copied, order.Owner), now));
        copy.Page.AddRange(LogRows.Events(added, copied + 1, now));
        await AppendAsync(copy, isWhole: true, cancellationToken);
    }

    private List<SessionEvent> Decide(Copy copy, EngineInput input, DateTimeOffset now) =>
        runtime.Engine.Handle(copy.State, input, now, copy.Epoch, RandomIds.Make).Events;

    private async Task AppendAsync(Copy copy, bool isWhole, CancellationToken cancellationToken)
    {
        var row = copy.State.ToRow();
        if (!isWhole)
        {
            await store.RenewLeasesAsync(copy.Holder, [copy.Id], _lease, cancellationToken);
            row = row with { DeletedAt = runtime.Now(), HasOpenTurn = false, Status = "copying" };
        }
        var result = await store.AppendAsync(
            new()
            {
                SessionId = copy.Id,
                Epoch = copy.Epoch,
                FirstSeq = copy.State.LastSeq - copy.Page.Count + 1,
                Events = copy.Page,
                Session = row,
                Snapshot = isWhole ? Snapshots.Of(copy.State) : null,
                Also = isWhole ? Also(copy) : [],
            },
            cancellationToken
        );
        if (result is not AppendResult.Committed)
            throw new SessionLostException(copy.Id, result);
        copy.NewPage();
    }

    private List<Func<DbConnection, DbTransaction?, Task>> Also(Copy copy)
    {
        var state = copy.State;
        List<Func<DbConnection, DbTransaction?, Task>> also =
        [
            (connection, transaction) => SessionParent.SetAsync(connection, transaction, state),
            // What was counted where it happened is not counted again here.
            (connection, transaction) => EventReadings.SkipAsync(connection, transaction, state.Id, state.LastSeq),
        ];
        if (audit is not null)
        {
            var entry = new AuditEvent($"session.{(copy.Order.How == Origins.Fork ? "forked" : "imported")}")
            {
                Actor = copy.Order.Owner,
                Subject = copy.Order.From,
                Session = state.Id,
            };
            also.Add((connection, transaction) => audit.AppendAsync(connection, transaction, entry));
        }
        return also;
    }

    private sealed class Copy(CopyOrder order, string id, string holder)
    {
        public CopyOrder Order => order;
        public string Id => id;
        public string Holder => holder;
        public long Epoch { get; set; }
        public SessionState State { get; } = new() { Id = id };
        public List<LoggedEvent> Page { get; private set; } = [];
        public int PageBytes { get; private set; }

        public void Take(CopiedEvent next)
        {
            var (happened, row) = next;
            if (happened is SessionCreated created)
            {
                // What it was to do was another session's task; the copy is its owner's.
                happened = created with
                {
                    Owner = order.Owner,
                    Task = null,
                };
                row = row with { Payload = EventCodec.Encode(happened).Payload };
            }
            State.Apply(happened, row.CreatedAt);
            Page.Add(row);
            PageBytes += row.Payload.Length;
        }

        public void NewPage() => (Page, PageBytes) = ([], 0);
    }
}
