using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Data.Sqlite;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Persistence.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using static CodeLab.UnitTests.Agent.Persistence.Appends;

namespace CodeLab.UnitTests.Agent.Persistence;

/// <summary>What only the file has: one writer, groups, crashes, locks.</summary>
public sealed class SqliteWriterTests : IAsyncLifetime
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);
    private readonly string _directory = Directory.CreateTempSubdirectory("codelab-writer-").FullName;
    private IHost _host = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private ISessionStore Store => _host.Services.GetRequiredService<ISessionStore>();

    private string ConnectionString => _host.Services.GetRequiredService<Database>().ConnectionString;

    public async ValueTask InitializeAsync() => _host = await StoreFixture.StartAsync(new() { DataDirectory = _directory });

    public async ValueTask DisposeAsync()
    {
        await ((IAsyncDisposable)_host).DisposeAsync();
        SqliteConnection.ClearAllPools();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Acknowledged_appends_survive_a_crash_at_any_moment()
    {
        var acknowledged = new long[20];
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var writers = Enumerable.Range(0, acknowledged.Length).Select(i => Task.Run(() => WriteUntilAsync($"s{i}", i))).ToArray();
        while (Enumerable.Range(0, acknowledged.Length).Min(i => Volatile.Read(ref acknowledged[i])) < 10)
        {
            Assert.DoesNotContain(writers, w => w.IsFaulted);
            await Task.Yield();
        }

        // What a crashed process leaves: the file and its journal, taken while writers run. What was acknowledged before must be there.
        // An open read keeps the journal from starting again, or two copied files would not be of one moment.
        await using var reader = new SqliteConnection(ConnectionString);
        await reader.OpenAsync(Stop);
        await using var read = reader.BeginTransaction(deferred: true);
        await using var look = reader.CreateCommand();
        look.CommandText = "SELECT count(*) FROM agent_events";
        await look.ExecuteScalarAsync(Stop);
        var known = acknowledged.ToArray();
        var left = Directory.CreateTempSubdirectory("codelab-crash-").FullName;
        File.Copy(Path.Combine(_directory, "codelab.db"), Path.Combine(left, "codelab.db"));
        File.Copy(Path.Combine(_directory, "codelab.db-wal"), Path.Combine(left, "codelab.db-wal"));
        await enough.CancelAsync();
        await Task.WhenAll(writers);

        using (var reopened = await StoreFixture.StartAsync(new() { DataDirectory = left }))
        {
            var store = reopened.Services.GetRequiredService<ISessionStore>();
            for (var i = 0; i < known.Length; i++)
            {
                var loaded = await store.LoadAsync($"s{i}", Stop);
                Assert.True(loaded!.Row.LastSeq >= known[i], $"{known[i]} was acknowledged, {loaded.Row.LastSeq} is there");
                Assert.Equal(Enumerable.Range(1, loaded.Tail.Count).Select(n => (long)n), loaded.Tail.Select(e => e.Seq));
                Assert.Equal(loaded.Row.LastSeq, loaded.Tail.Count);
            }
            await ((IAsyncDisposable)reopened).DisposeAsync();
        }
        Directory.Delete(left, recursive: true);

        async Task WriteUntilAsync(string id, int index)
        {
            var epoch = (await Store.AcquireLeaseAsync(id, "node", Lease, Stop))!.Epoch;
            for (var seq = 1; !enough.IsCancellationRequested; seq++)
            {
                Assert.IsType<AppendResult.Committed>(await Store.AppendAsync(Request(id, epoch, seq), Stop));
                Volatile.Write(ref acknowledged[index], seq);
            }
        }
    }

    [Fact]
    public async Task Writes_that_wait_together_are_committed_together_and_a_failing_one_fails_alone()
    {
        await using var writer = new SqliteWriter(ConnectionString, TimeProvider.System, NullLogger.Instance);
        using var hold = new ManualResetEventSlim();
        var first = writer.WriteAsync(_ => Held(), 1, Stop);
        var good = Enumerable.Range(0, 50).Select(i => writer.WriteAsync(s => Insert(s, $"good-{i}"), 1, Stop)).ToArray();
        var bad = writer.WriteAsync<int>(s => throw new InvalidOperationException($"wrote {Insert(s, "bad")} first"), 1, Stop);
        var after = writer.WriteAsync(s => Insert(s, "after"), 1, Stop);
        hold.Set();

        await Task.WhenAll([first, .. good, after]);
        await Assert.ThrowsAsync<InvalidOperationException>(() => bad);

        Assert.Equal(51, await CountAsync("SELECT count(*) FROM agent_leases"));
        Assert.Equal(0, await CountAsync("SELECT count(*) FROM agent_leases WHERE session_id = 'bad'"));

        int Held()
        {
            hold.Wait(Stop);
            return 0;
        }
    }

    [Fact]
    public async Task When_the_commit_fails_every_write_of_the_group_fails_and_the_next_group_goes_on()
    {
        await using var writer = new SqliteWriter(ConnectionString, TimeProvider.System, NullLogger.Instance);
        using var hold = new ManualResetEventSlim();
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var first = writer.WriteAsync(
            _ =>
            {
                started.TrySetResult();
                hold.Wait(Stop);
                return 0;
            },
            1,
            Stop
        );
        // The writer has taken it: whatever comes now is of the next group.
        await started.Task.WaitAsync(Stop);
        var good = writer.WriteAsync(s => Insert(s, "lost"), 1, Stop);
        // A violated deferred key is found out at COMMIT.
        var poison = writer.WriteAsync(
            s =>
                s.Statement("CREATE TABLE parent (id INTEGER PRIMARY KEY)").Execute()
                + s.Statement("CREATE TABLE child (p INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)").Execute()
                + s.Statement("INSERT INTO child VALUES (7)").Execute(),
            1,
            Stop
        );
        hold.Set();
        await first;

        await Assert.ThrowsAsync<SqliteException>(() => poison);
        await Assert.ThrowsAsync<SqliteException>(() => good);

        Assert.Equal(1, await writer.WriteAsync(s => Insert(s, "next"), 1, Stop));
        Assert.Equal(0, await CountAsync("SELECT count(*) FROM agent_leases WHERE session_id = 'lost'"));
    }

    [Fact]
    public async Task A_file_locked_by_somebody_else_is_a_busy_database_and_works_again_afterwards()
    {
        await using var writer = new SqliteWriter(ConnectionString, TimeProvider.System, NullLogger.Instance);
        await using (var other = new SqliteConnection(ConnectionString))
        {
            await other.OpenAsync(Stop);
            await using var command = other.CreateCommand();
            command.CommandText = "BEGIN IMMEDIATE";
            await command.ExecuteNonQueryAsync(Stop);

            var busy = await Assert.ThrowsAsync<DatabaseBusyException>(() => writer.WriteAsync(s => Insert(s, "x"), 1, Stop));

            Assert.IsType<SqliteException>(busy.InnerException);
            command.CommandText = "ROLLBACK";
            await command.ExecuteNonQueryAsync(Stop);
        }
        Assert.Equal(1, await writer.WriteAsync(s => Insert(s, "x"), 1, Stop));
        Assert.Equal(("DATABASE_ERROR", 503), (DatabaseBusyException.Error.Code, DatabaseBusyException.Error.Status));
    }

    [Fact]
    public async Task A_write_that_waited_too_long_is_refused_instead_of_written_late()
    {
        var time = new FakeTimeProvider();
        await using var writer = new SqliteWriter(ConnectionString, time, NullLogger.Instance);
        using var begun = new ManualResetEventSlim();
        using var hold = new ManualResetEventSlim();
        var slow = writer.WriteAsync(
            s =>
            {
                begun.Set();
                hold.Wait(Stop);
                return Insert(s, "slow");
            },
            1,
            Stop
        );
        begun.Wait(Stop);
        var late = writer.WriteAsync(s => Insert(s, "late"), 1, Stop);
        time.Advance(TimeSpan.FromSeconds(6));
        hold.Set();

        Assert.Equal(1, await slow);
        await Assert.ThrowsAsync<DatabaseBusyException>(() => late);
    }

    [Fact]
    public async Task A_stopping_writer_writes_what_it_took_and_then_refuses()
    {
        var writer = new SqliteWriter(ConnectionString, TimeProvider.System, NullLogger.Instance);
        var taken = Enumerable.Range(0, 600).Select(i => writer.WriteAsync(s => Insert(s, $"taken-{i}"), 1, Stop)).ToArray();

        await writer.DisposeAsync();

        Assert.Equal(600, (await Task.WhenAll(taken)).Sum());
        Assert.Equal(600, await CountAsync("SELECT count(*) FROM agent_leases"));
        await Assert.ThrowsAsync<DatabaseBusyException>(() => writer.WriteAsync(s => Insert(s, "late"), 1, Stop));
    }

    [Fact]
    public async Task The_shipped_library_is_new_enough_and_an_older_one_is_refused()
    {
        await using var connection = new SqliteConnection(ConnectionString);
        await connection.OpenAsync(Stop);

        SqliteSession.CheckLibrary(connection.ServerVersion);
        var refused = Assert.Throws<InvalidOperationException>(() => SqliteSession.CheckLibrary("3.51.2"));

        Assert.Contains("3.51.3", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_writer_waits_for_the_disk()
    {
        using var session = new SqliteSession(ConnectionString, readOnly: false);

        Assert.Equal(("wal", 2L, 5000L), (Pragma("journal_mode"), Pragma("synchronous"), Pragma("busy_timeout")));
        Assert.Contains(
            "WITHOUT ROWID",
            await ScalarAsync("SELECT sql FROM sqlite_master WHERE name = 'agent_events'") as string,
            StringComparison.Ordinal
        );

        object Pragma(string name)
        {
            using var row = session.Statement($"PRAGMA {name}").Read();
            row.Read();
            return row.GetValue(0);
        }
    }

    [Fact]
    public async Task A_second_process_on_the_file_is_refused_until_the_first_is_gone()
    {
        var database = new Database(Options.Create(new DatabaseOptions { DataDirectory = _directory }));
        var first = new SqliteFileGuard(database);
        await first.RunAsync(Stop);
        using var second = new SqliteFileGuard(database);

        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => second.RunAsync(Stop));
        first.Dispose();
        await second.RunAsync(Stop);

        Assert.Contains("Another process", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restart_need_not_wait_for_the_leases_of_the_process_before()
    {
        var before = await Store.AcquireLeaseAsync("s", "before", Lease, Stop);
        Assert.Null(await Store.AcquireLeaseAsync("s", "after", Lease, Stop));

        await new SqliteLeaseReset(Store).RunAsync(Stop);

        var after = await Store.AcquireLeaseAsync("s", "after", Lease, Stop);
        Assert.True(after!.Epoch > before!.Epoch);
    }

    [Fact]
    public async Task A_slow_reader_sees_the_log_and_does_not_hold_up_the_writer()
    {
        var epoch = (await Store.AcquireLeaseAsync("s", "node", Lease, Stop))!.Epoch;
        await Store.AppendAsync(Request("s", epoch, 1, 600), Stop);

        var seen = 0;
        await foreach (var logged in Store.ReadAsync("s", 0, null, Stop))
        {
            Assert.Equal(++seen, logged.Seq);
            if (seen == 100)
                Assert.IsType<AppendResult.Committed>(await Store.AppendAsync(Request("s", epoch, 601), Stop));
        }

        Assert.Equal(601, seen);
    }

    private static int Insert(SqliteSession session, string id) =>
        session.Statement("INSERT INTO agent_leases (session_id, epoch, holder, expires_at) VALUES ($1, 1, NULL, 0)").Execute(id);

    private async Task<long> CountAsync(string sql) => (long)(await ScalarAsync(sql))!;

    private async Task<object?> ScalarAsync(string sql)
    {
        await using var connection = new SqliteConnection(ConnectionString);
        await connection.OpenAsync(Stop);
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteScalarAsync(Stop);
    }
}
