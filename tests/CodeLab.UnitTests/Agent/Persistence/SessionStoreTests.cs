using System.Diagnostics;
using System.Text;
using CodeLab.Modules.Agent.Persistence;
using Xunit;
using static CodeLab.UnitTests.Agent.Persistence.Appends;

namespace CodeLab.UnitTests.Agent.Persistence;

public sealed class SqliteStoreTests(SqliteStoreFixture fixture) : SessionStoreTests(fixture), IClassFixture<SqliteStoreFixture>;

public sealed class PostgresStoreTests(PostgresStoreFixture fixture) : SessionStoreTests(fixture), IClassFixture<PostgresStoreFixture>;

/// <summary>What every store promises.</summary>
public abstract class SessionStoreTests : IAsyncLifetime
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);
    private readonly StoreFixture _fixture;
    private readonly string _id = NewId();
    private readonly string _owner = NewId();

    protected SessionStoreTests(StoreFixture fixture) => _fixture = fixture;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private ISessionStore Store => _fixture.Store;

    public ValueTask InitializeAsync()
    {
        Assert.SkipWhen(_fixture.Missing is not null, _fixture.Missing ?? "");
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task What_was_committed_is_loaded_as_it_was_written()
    {
        var epoch = await AcquireAsync();
        var request = Request(_id, epoch, 1, 3, _owner) with
        {
            Session = Row(_id, _owner, 3) with { Model = "m", Description = "d", DeletedAt = Noon.AddDays(1) },
        };

        Assert.IsType<AppendResult.Committed>(await Store.AppendAsync(request, Stop));

        var loaded = await Store.LoadAsync(_id, Stop);
        Assert.Equal(request.Session, loaded!.Row);
        Assert.Null(loaded.Snapshot);
        AssertSame(request.Events, loaded.Tail);
        Assert.Equal(request.Session, await Store.FindAsync(_id, Stop));
    }

    [Fact]
    public async Task An_unknown_session_is_not_found()
    {
        Assert.Null(await Store.LoadAsync(_id, Stop));
        Assert.Null(await Store.FindAsync(_id, Stop));
        Assert.Empty(await ReadAllAsync(0, null));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task A_sequence_number_that_is_not_the_next_is_fenced_and_writes_nothing(long firstSeq)
    {
        var epoch = await AcquireAsync();
        await CommitAsync(Request(_id, epoch, 1, 2, _owner));

        var result = await Store.AppendAsync(Request(_id, epoch, firstSeq, 1, _owner) with { Snapshot = new(1, new byte[] { 1 }) }, Stop);

        Assert.IsType<AppendResult.Fenced>(result);
        var loaded = await Store.LoadAsync(_id, Stop);
        Assert.Equal([1L, 2L], loaded!.Tail.Select(e => e.Seq));
        Assert.Equal(2, loaded.Row.LastSeq);
        Assert.Null(loaded.Snapshot);
    }

    [Fact]
    public async Task A_session_that_does_not_exist_cannot_be_continued()
    {
        var epoch = await AcquireAsync();

        Assert.IsType<AppendResult.Fenced>(await Store.AppendAsync(Request(_id, epoch, 5, 1, _owner), Stop));
        Assert.Null(await Store.FindAsync(_id, Stop));
    }

    [Fact]
    public async Task An_append_without_a_lease_is_fenced()
    {
        Assert.IsType<AppendResult.Fenced>(await Store.AppendAsync(Request(_id, 1, 1, 1, _owner), Stop));
        Assert.Null(await Store.FindAsync(_id, Stop));
    }

    [Fact]
    public async Task An_older_epoch_is_fenced_once_the_lease_was_taken_over()
    {
        var first = await AcquireAsync("one");
        await CommitAsync(Request(_id, first, 1, 1, _owner));
        await ExpireAsync();
        var second = await AcquireAsync("two");

        Assert.IsType<AppendResult.Fenced>(await Store.AppendAsync(Request(_id, first, 2, 1, _owner), Stop));
        Assert.IsType<AppendResult.Committed>(await Store.AppendAsync(Request(_id, second, 2, 1, _owner), Stop));
    }

    [Fact]
    public async Task A_repeated_input_is_a_duplicate_of_the_event_it_became()
    {
        var epoch = await AcquireAsync();
        await CommitAsync(Request(_id, epoch, 1, 2, _owner));
        await CommitAsync(Request(_id, epoch, 3, 2, _owner, "input-1"));

        var result = await Store.AppendAsync(Request(_id, epoch, 5, 1, _owner, "input-1"), Stop);

        Assert.Equal(new AppendResult.Duplicate(3), result);
        Assert.Equal(3, await Store.FindInputAsync(_owner, "input-1", Stop));
        Assert.Equal(4, (await Store.FindAsync(_id, Stop))!.LastSeq);
    }

    [Fact]
    public async Task The_same_input_id_of_another_owner_is_another_input()
    {
        var epoch = await AcquireAsync();
        await CommitAsync(Request(_id, epoch, 1, 1, _owner, "input-1"));
        var other = NewId();
        var grant = await Store.AcquireLeaseAsync(other, "node", Lease, Stop);

        await CommitAsync(Request(other, grant!.Epoch, 1, 1, NewId(), "input-1"));

        Assert.Null(await Store.FindInputAsync(NewId(), "input-1", Stop));
    }

    [Fact]
    public async Task One_input_raced_into_many_sessions_is_taken_once()
    {
        var ids = Enumerable.Range(0, 20).Select(_ => NewId()).ToArray();
        var requests = new List<AppendRequest>();
        foreach (var id in ids)
            requests.Add(Request(id, (await Store.AcquireLeaseAsync(id, "node", Lease, Stop))!.Epoch, 1, 1, _owner, "raced"));

        var results = await Task.WhenAll(requests.Select(r => Task.Run(() => Store.AppendAsync(r, Stop))));

        Assert.Single(results, r => r is AppendResult.Committed);
        Assert.Equal(19, results.Count(r => r is AppendResult.Duplicate { Seq: 1 }));
        Assert.Equal(1, (await Store.ListAsync(_owner, 100, 0, false, Stop)).Total);
    }

    [Fact]
    public async Task Of_writers_that_race_for_a_sequence_number_one_wins_and_the_log_has_no_gap()
    {
        var epoch = await AcquireAsync();
        await CommitAsync(Request(_id, epoch, 1, 1, _owner));

        for (var seq = 2; seq <= 6; seq++)
        {
            var results = await Task.WhenAll(
                Enumerable.Range(0, 8).Select(_ => Task.Run(() => Store.AppendAsync(Request(_id, epoch, seq, 1, _owner), Stop)))
            );
            Assert.Single(results, r => r is AppendResult.Committed);
            Assert.Equal(7, results.Count(r => r is AppendResult.Fenced));
        }

        Assert.Equal([1L, 2L, 3L, 4L, 5L, 6L], (await ReadAllAsync(0, null)).Select(e => e.Seq));
    }

    [Fact]
    public async Task Many_sessions_written_at_once_each_keep_a_gapless_log()
    {
        var ids = Enumerable.Range(0, 40).Select(_ => NewId()).ToArray();

        await Task.WhenAll(
            ids.Select(id =>
                Task.Run(async () =>
                {
                    var epoch = (await Store.AcquireLeaseAsync(id, "node", Lease, Stop))!.Epoch;
                    for (var step = 0; step < 10; step++)
                        await CommitAsync(Request(id, epoch, (step * 2) + 1, 2, _owner, NewId()));
                })
            )
        );

        foreach (var id in ids)
        {
            var loaded = await Store.LoadAsync(id, Stop);
            Assert.Equal(Enumerable.Range(1, 20).Select(i => (long)i), loaded!.Tail.Select(e => e.Seq));
        }
    }

    [Fact]
    public async Task A_bad_request_does_not_hurt_its_neighbours()
    {
        var ids = Enumerable.Range(0, 60).Select(_ => NewId()).ToArray();
        var requests = new List<AppendRequest>();
        foreach (var id in ids)
        {
            var request = Request(id, (await Store.AcquireLeaseAsync(id, "node", Lease, Stop))!.Epoch, 1, 2, _owner);
            requests.Add(
                (requests.Count % 3) switch
                {
                    0 => request,
                    1 => request with { Epoch = request.Epoch + 7 },
                    // Breaks in the middle: its events are written before the column refuses the null.
                    _ => request with { Calls = [new("call", null!, "ready", "hash", 1, 1, null, Noon)] },
                }
            );
        }

        var results = await Task.WhenAll(requests.Select(r => Task.Run(() => TryAppendAsync(r))));

        for (var i = 0; i < ids.Length; i++)
        {
            var found = await Store.LoadAsync(ids[i], Stop);
            if (i % 3 == 0)
                Assert.Equal(2, found!.Tail.Count);
            else
                Assert.Null(found);
            Assert.Equal(i % 3 == 2, results[i] is null);
            Assert.Equal(i % 3 == 1, results[i] is AppendResult.Fenced);
        }
    }

    [Fact]
    public async Task A_session_is_loaded_from_its_newest_snapshot_and_the_tail()
    {
        var epoch = await AcquireAsync();
        await CommitAsync(Request(_id, epoch, 1, 10, _owner) with { Snapshot = new(10, Encoding.UTF8.GetBytes("ten")) });
        await CommitAsync(Request(_id, epoch, 11, 10, _owner) with { Snapshot = new(20, Encoding.UTF8.GetBytes("twenty")) });
        await CommitAsync(Request(_id, epoch, 21, 2, _owner) with { Snapshot = new(5, Encoding.UTF8.GetBytes("late")) });

        var loaded = await Store.LoadAsync(_id, Stop);

        Assert.Equal(20, loaded!.Snapshot!.Seq);
        Assert.Equal("twenty", Encoding.UTF8.GetString(loaded.Snapshot.Payload.Span));
        Assert.Equal([21L, 22L], loaded.Tail.Select(e => e.Seq));
    }

    [Fact]
    public async Task A_snapshot_can_be_kept_without_an_event()
    {
        var epoch = await AcquireAsync();
        await CommitAsync(Request(_id, epoch, 1, 2, _owner));

        await CommitAsync(Request(_id, epoch, 3, 0, _owner) with { Snapshot = new(2, new byte[] { 7 }) });

        var loaded = await Store.LoadAsync(_id, Stop);
        Assert.Equal(2, loaded!.Snapshot!.Seq);
        Assert.Empty(loaded.Tail);
    }

    [Fact]
    public async Task A_part_of_the_log_is_read_in_order()
    {
        var epoch = await AcquireAsync();
        await CommitAsync(Request(_id, epoch, 1, 1200, _owner));

        Assert.Equal(Enumerable.Range(1, 1200).Select(i => (long)i), (await ReadAllAsync(0, null)).Select(e => e.Seq));
        Assert.Equal([3L, 4L, 5L], (await ReadAllAsync(2, 5)).Select(e => e.Seq));
        Assert.Empty(await ReadAllAsync(1200, null));
    }

    [Fact]
    public async Task A_session_of_ten_thousand_events_loads_from_its_snapshot()
    {
        var epoch = await AcquireAsync();
        for (var first = 1; first <= 10_000; first += 500)
            await CommitAsync(Request(_id, epoch, first, 500, _owner));
        var whole = Stopwatch.StartNew();
        var before = await Store.LoadAsync(_id, Stop);
        whole.Stop();
        await CommitAsync(Request(_id, epoch, 10_001, 0, _owner) with { Snapshot = new(9_950, new byte[200_000]) });
        var tail = Stopwatch.StartNew();

        var after = await Store.LoadAsync(_id, Stop);

        tail.Stop();
        Assert.Equal(10_000, before!.Tail.Count);
        Assert.Equal(50, after!.Tail.Count);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"10,000 events: {whole.Elapsed.TotalMilliseconds:F1} ms; snapshot and 50 events: {tail.Elapsed.TotalMilliseconds:F1} ms"
        );
    }

    [Fact]
    public async Task Tool_calls_are_kept_as_of_their_last_change()
    {
        var epoch = await AcquireAsync();
        var call = new ToolCallRow("call-1", "read_file", "ready", "hash", 1, epoch, null, Noon);
        await CommitAsync(Request(_id, epoch, 1, 1, _owner) with { Calls = [call] });

        await CommitAsync(Request(_id, epoch, 2, 1, _owner) with { Calls = [call with { State = "dispatched", DispatchedAt = Noon }] });

        Assert.Equal(
            1,
            await _fixture.CountAsync(
                $"SELECT count(*) FROM agent_tool_calls WHERE session_id = '{_id}' AND state = 'dispatched' AND dispatched_at IS NOT NULL"
            )
        );
    }

    [Fact]
    public async Task Approvals_wait_until_they_are_decided_and_the_first_decision_stays()
    {
        var epoch = await AcquireAsync();
        var asked = new ApprovalRow(
            "a",
            "write_file",
            Encoding.UTF8.GetBytes("{}"),
            "policy",
            ApprovalStatus.Pending,
            Noon,
            null,
            null,
            null
        );
        var later = asked with { CallId = "b", CreatedAt = Noon.AddSeconds(1) };
        await CommitAsync(Request(_id, epoch, 1, 1, _owner) with { Approvals = [later, asked] });
        Assert.Equal(["a", "b"], (await Store.PendingApprovalsAsync(_id, Stop)).Select(a => a.CallId));

        var approved = asked with { Status = ApprovalStatus.Approved, DecidedAt = Noon.AddMinutes(1), DecidedBy = "ada", Door = "hub" };
        await CommitAsync(Request(_id, epoch, 2, 1, _owner) with { Approvals = [approved] });
        await CommitAsync(Request(_id, epoch, 3, 1, _owner) with { Approvals = [approved with { Status = ApprovalStatus.Rejected }] });

        Assert.Equal(["b"], (await Store.PendingApprovalsAsync(_id, Stop)).Select(a => a.CallId));
        var found = await Store.FindApprovalAsync(_id, "a", Stop);
        Assert.Equal(("approved", Noon.AddMinutes(1), "ada", "hub"), (found!.Status, found.DecidedAt, found.DecidedBy, found.Door));
        Assert.Equal("{}", Encoding.UTF8.GetString(found.Arguments.Span));
        Assert.Null(await Store.FindApprovalAsync(NewId(), "a", Stop));
    }

    [Fact]
    public async Task Sessions_are_listed_for_their_owner_newest_activity_first()
    {
        var ids = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            var id = NewId();
            ids.Add(id);
            var epoch = (await Store.AcquireLeaseAsync(id, "node", Lease, Stop))!.Epoch;
            var row = Row(id, _owner, 1) with { LastActivity = Noon.AddMinutes(i), DeletedAt = i == 2 ? Noon : null };
            await CommitAsync(Request(id, epoch, 1, 1, _owner) with { Session = row });
        }

        var all = await Store.ListAsync(_owner, 10, 0, false, Stop);
        var page = await Store.ListAsync(_owner, 2, 1, true, Stop);

        Assert.Equal([ids[4], ids[3], ids[2], ids[1], ids[0]], all.Rows.Select(r => r.Id));
        Assert.Equal((5, 4), (all.Total, page.Total));
        Assert.Equal([ids[3], ids[1]], page.Rows.Select(r => r.Id));
        Assert.Equal(0, (await Store.ListAsync(NewId(), 10, 0, false, Stop)).Total);
    }

    [Fact]
    public async Task Sessions_with_an_open_turn_are_told_and_the_owner_never_changes()
    {
        var epoch = await AcquireAsync();
        await CommitAsync(Request(_id, epoch, 1, 1, _owner));
        Assert.Contains(_id, await Store.OpenSessionsAsync("node", Stop));
        Assert.DoesNotContain(_id, await Store.OpenSessionsAsync("two", Stop));
        await ExpireAsync();
        Assert.Contains(_id, await Store.OpenSessionsAsync("two", Stop));

        await CommitAsync(Request(_id, epoch, 2, 1, _owner) with { Session = Row(_id, "mallory", 2) with { HasOpenTurn = false } });

        Assert.DoesNotContain(_id, await Store.OpenSessionsAsync("node", Stop));
        Assert.Equal(_owner, (await Store.FindAsync(_id, Stop))!.Owner);
    }

    [Fact]
    public async Task A_lease_is_taken_over_only_after_it_ran_out()
    {
        var first = await AcquireAsync("one");
        Assert.Null(await Store.AcquireLeaseAsync(_id, "two", Lease, Stop));

        await ExpireAsync();
        var second = await AcquireAsync("two");

        Assert.True(second > first);
        Assert.Equal([_id], await Store.RenewLeasesAsync("one", [_id], Lease, Stop));
        Assert.Empty(await Store.RenewLeasesAsync("two", [_id], Lease, Stop));
    }

    [Fact]
    public async Task A_lease_that_ran_out_is_still_the_holders_until_somebody_takes_it()
    {
        var epoch = await AcquireAsync("one");
        await ExpireAsync();

        Assert.IsType<AppendResult.Committed>(await Store.AppendAsync(Request(_id, epoch, 1, 1, _owner), Stop));
        Assert.Empty(await Store.RenewLeasesAsync("one", [_id], Lease, Stop));
        Assert.Null(await Store.AcquireLeaseAsync(_id, "two", Lease, Stop));
    }

    [Fact]
    public async Task A_short_lease_runs_out_by_the_databases_clock()
    {
        Assert.NotNull(await Store.AcquireLeaseAsync(_id, "one", TimeSpan.FromMilliseconds(1), Stop));

        LeaseGrant? taken = null;
        while (taken is null)
            taken = await Store.AcquireLeaseAsync(_id, "two", Lease, Stop);

        Assert.Equal(2, taken.Epoch);
    }

    [Fact]
    public async Task Every_grant_has_a_larger_epoch_and_a_lease_given_back_is_free_at_once()
    {
        var epochs = new List<long>();
        for (var i = 0; i < 5; i++)
        {
            epochs.Add(await AcquireAsync($"node-{i}"));
            epochs.Add(await AcquireAsync($"node-{i}"));
            await Store.ReleaseLeasesAsync($"node-{i}", [_id], Stop);
        }

        Assert.Equal(epochs.Order().Distinct(), epochs);
        Assert.IsType<AppendResult.Fenced>(await Store.AppendAsync(Request(_id, epochs[^1], 1, 1, _owner), Stop));
        Assert.Equal([_id], await Store.RenewLeasesAsync("node-4", [_id], Lease, Stop));
    }

    [Fact]
    public async Task Of_holders_that_race_for_a_lease_one_gets_it()
    {
        var grants = await Task.WhenAll(
            Enumerable.Range(0, 16).Select(i => Task.Run(() => Store.AcquireLeaseAsync(_id, $"node-{i}", Lease, Stop)))
        );

        Assert.Single(grants, g => g is not null);
    }

    [Fact]
    public async Task A_request_that_contradicts_itself_is_refused()
    {
        var good = Request(_id, 1, 1, 2, _owner, "i");
        AppendRequest[] bad =
        [
            good with
            {
                Events = [Event(1), Event(3)],
            },
            good with
            {
                FirstSeq = 2,
            },
            good with
            {
                Session = Row(_id, _owner, 5),
            },
            good with
            {
                Session = Row(NewId(), _owner, 2),
            },
            good with
            {
                Snapshot = new(3, default),
            },
            Request(_id, 1, 1, 0, _owner),
            Request(_id, 1, 3, 0, _owner, "i"),
        ];

        foreach (var request in bad)
            await Assert.ThrowsAsync<ArgumentException>(() => Store.AppendAsync(request, Stop));
    }

    private async Task<long> AcquireAsync(string holder = "node")
    {
        var grant = await Store.AcquireLeaseAsync(_id, holder, Lease, Stop);
        Assert.NotNull(grant);
        return grant.Epoch;
    }

    // Moves the end of the lease, not the clock: the clock is the database's.
    private Task ExpireAsync() =>
        _fixture.ExecuteAsync(
            $"UPDATE agent_leases SET expires_at = {(_fixture is SqliteStoreFixture ? "1" : "'2001-01-01Z'")} WHERE session_id = '{_id}'"
        );

    private async Task CommitAsync(AppendRequest request) => Assert.IsType<AppendResult.Committed>(await Store.AppendAsync(request, Stop));

    private async Task<AppendResult?> TryAppendAsync(AppendRequest request)
    {
        try
        {
            return await Store.AppendAsync(request, Stop);
        }
        catch (System.Data.Common.DbException)
        {
            return null;
        }
    }

    private async Task<List<LoggedEvent>> ReadAllAsync(long after, long? to)
    {
        var events = new List<LoggedEvent>();
        await foreach (var logged in Store.ReadAsync(_id, after, to, Stop))
            events.Add(logged);
        return events;
    }

    private static void AssertSame(IReadOnlyList<LoggedEvent> expected, IReadOnlyList<LoggedEvent> actual) =>
        Assert.Equal(
            expected.Select(e => (e.Seq, e.Type, Encoding.UTF8.GetString(e.Payload.Span), e.CreatedAt)),
            actual.Select(e => (e.Seq, e.Type, Encoding.UTF8.GetString(e.Payload.Span), e.CreatedAt))
        );
}
