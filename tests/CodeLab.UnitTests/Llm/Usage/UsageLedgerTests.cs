using System.Diagnostics.Metrics;
using CodeLab.FakeLlm;
using CodeLab.Modules.Llm.Chat;
using CodeLab.Modules.Llm.Usage;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Xunit;

namespace CodeLab.UnitTests.Llm.Usage;

public sealed class UsageLedgerTests
{
    [Fact]
    public async Task The_row_is_there_before_the_last_item_is_read()
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("Hello.").Usage(1000, 100, cacheReadTokens: 200));
        await using var llm = await LlmHost.StartAsync("openai", fake);
        var rows = new List<UsageEntry>();

        await foreach (
            var update in llm.Stream(
                [new ChatMessage(ChatRole.User, "Hi")],
                model: "openai/gpt-4o",
                cancellationToken: TestContext.Current.CancellationToken
            )
        )
        {
            if (update is ChatUpdate.Completed)
                rows = await llm.LedgerAsync();
        }

        var row = Assert.Single(rows);
        Assert.Equal(("ada", "session-1", "coder"), (row.UserId, row.SessionId, row.Agent));
        Assert.Equal(("openai", "gpt-4o", "completed"), (row.Provider, row.Model, row.Outcome));
        Assert.Equal((1000, 100, 200, 1), (row.InputTokens, row.OutputTokens, row.CachedTokens, row.Attempts));
        // 800 at 2.50, 200 at 1.25, 100 at 10 US dollars a million.
        Assert.Equal(3_250_000, row.CostNanos);
        Assert.False(row.IsEstimated);
        Assert.InRange(row.FirstTokenMs!.Value, 0, row.DurationMs);
    }

    [Fact]
    public async Task The_newest_calls_are_listed_a_page_at_a_time_each_once()
    {
        await using var llm = await LlmHost.StartAsync();
        for (var call = 0; call < 5; call++)
            await llm.AskAsync("Hello", model: "codelab-demo");
        var cancel = TestContext.Current.CancellationToken;

        List<CallInfo> seen = [];
        string? cursor = null;
        do
        {
            var page = (await llm.Sender.Send(new ListCallsQuery { Limit = 2, Cursor = cursor }, cancel)).Value!;
            Assert.InRange(page.Items.Count, 1, 2);
            seen.AddRange(page.Items);
            cursor = page.NextCursor;
        } while (cursor is not null);

        Assert.Equal(5, seen.Select(c => c.Id).Distinct().Count());
        Assert.Equal(seen.Select(c => c.CreatedAt).OrderDescending(), seen.Select(c => c.CreatedAt));
        Assert.Empty((await llm.Sender.Send(new ListCallsQuery { Outcome = "failed" }, cancel)).Value!.Items);
        Assert.Equal("INVALID_REQUEST", (await llm.Sender.Send(new ListCallsQuery { Cursor = "x" }, cancel)).Error?.Code);
    }

    [Fact]
    public async Task Many_calls_at_once_lose_no_row()
    {
        await using var llm = await LlmHost.StartAsync();

        await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => llm.AskAsync("Hello", model: "codelab-demo")));

        Assert.Equal(200, (await llm.LedgerAsync()).Count);
    }

    [Fact]
    public async Task PostgreSQL_keeps_the_same_rows()
    {
        var server = Environment.GetEnvironmentVariable("CODELAB_TEST_POSTGRES");
        Assert.SkipWhen(string.IsNullOrWhiteSpace(server), "CODELAB_TEST_POSTGRES holds no connection string of a PostgreSQL server");
        var name = $"codelab_llm_{Guid.NewGuid():N}";
        await OnServerAsync($"CREATE DATABASE {name}");
        try
        {
            await using var llm = await LlmHost.StartAsync(
                ("CodeLab:Database:Provider", "PostgreSql"),
                ("CodeLab:Database:ConnectionString", new NpgsqlConnectionStringBuilder(server) { Database = name }.ToString())
            );

            await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => llm.AskAsync("Hello", model: "codelab-demo")));

            var rows = await llm.LedgerAsync();
            Assert.Equal(20, rows.Count);
            Assert.All(rows, r => Assert.Equal(("completed", 0L, "ada"), (r.Outcome, r.CostNanos, r.UserId)));
        }
        finally
        {
            await OnServerAsync($"DROP DATABASE {name} WITH (FORCE)");
        }

        async Task OnServerAsync(string sql)
        {
            await using var connection = new NpgsqlConnection(server);
            await connection.OpenAsync(TestContext.Current.CancellationToken);
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task A_row_that_comes_after_the_writer_has_stopped_is_still_written()
    {
        await using var llm = await LlmHost.StartAsync();
        await llm.Services.GetRequiredService<UsageLedger>().StopAsync(TestContext.Current.CancellationToken);

        await llm.AskAsync("Hello", model: "codelab-demo");

        Assert.Single(await llm.LedgerAsync());
    }

    [Fact]
    public async Task Calls_are_counted_without_any_id()
    {
        await using var llm = await LlmHost.StartAsync();
        var labels = new List<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == "CodeLab.Llm" && instrument.Meter.Scope == llm.Services.GetService<IMeterFactory>())
                    self.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>(
            (instrument, _, tags, _) =>
            {
                foreach (var tag in tags)
                    labels.Add($"{instrument.Name} {tag.Key}={tag.Value}");
            }
        );
        listener.Start();

        await llm.AskAsync("Hello", model: "codelab-demo");

        Assert.Contains("llm_calls outcome=completed", labels);
        Assert.Contains("llm_tokens direction=input", labels);
        Assert.DoesNotContain(labels, l => l.Contains("ada") || l.Contains("session-1"));
    }
}
