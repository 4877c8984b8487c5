using System.Net;
using System.Text.Json.Nodes;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>The audit (security.md §13): its chain, its retention, its routes.</summary>
public sealed class AuditTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_untouched_chain_is_intact_and_names_its_head()
    {
        await using var host = await AuthHost.StartReadyAsync();
        await AppendAsync(host, 450);

        var verdict = await VerifyAsync(host);

        Assert.True((bool)verdict["intact"]!, verdict.ToJsonString());
        Assert.True((long)verdict["checked"]! >= 450);
        Assert.Equal(0, (long)verdict["pending"]!);
        Assert.Equal(64, ((string)verdict["head"]!).Length);
    }

    [Theory]
    [InlineData("UPDATE auth_audit SET reason = 'nothing' WHERE id = @id", "changed")]
    [InlineData("UPDATE auth_audit SET actor = NULL WHERE id = @id", "changed")]
    [InlineData("DELETE FROM auth_audit WHERE id = @id", "removed")]
    [InlineData("DELETE FROM auth_audit_seals WHERE audit_id = @id", "removed")]
    [InlineData("UPDATE auth_audit SET seq = seq + 1000000 WHERE id = @id", "reordered")]
    [InlineData(
        "INSERT INTO auth_audit (id, time, type, outcome, mac) SELECT 'copy', time, type, outcome, mac FROM auth_audit WHERE id = @id",
        "inserted"
    )]
    public async Task Whatever_is_done_to_a_row_behind_the_service_is_found(string sql, string kind)
    {
        await using var host = await AuthHost.StartReadyAsync();
        await AppendAsync(host, 9);
        var before = await VerifyAsync(host);
        var rows = await RowsAsync(host);

        await host.Database.ExecuteAsync(sql, [("@id", rows[4])], Cancel);
        var verdict = await VerifyAsync(host);

        Assert.True((bool)before["intact"]!, before.ToJsonString());
        Assert.False((bool)verdict["intact"]!);
        Assert.Contains(verdict["faults"]!.AsArray(), f => (string)f!["kind"]! == kind);
    }

    [Fact]
    public async Task Two_rows_that_changed_places_are_found()
    {
        await using var host = await AuthHost.StartReadyAsync();
        await AppendAsync(host, 9);
        await VerifyAsync(host);
        var rows = await RowsAsync(host);

        foreach (var (from, to) in ((string, string)[])[(rows[2], "x"), (rows[3], rows[2]), ("x", rows[3])])
            await host.Database.ExecuteAsync(
                "UPDATE auth_audit_seals SET audit_id = @to WHERE audit_id = @from",
                [("@to", to), ("@from", from)],
                Cancel
            );
        var verdict = await VerifyAsync(host);

        Assert.Equal("reordered", (string)verdict["faults"]![0]!["kind"]!);
    }

    [Fact]
    public async Task An_end_that_was_cut_off_is_found_by_this_process_and_by_who_noted_the_head()
    {
        await using var host = await AuthHost.StartReadyAsync();
        await AppendAsync(host, 9);
        var noted = await VerifyAsync(host);
        var last = (long)noted["last"]!;
        await host.Database.ExecuteAsync(
            "DELETE FROM auth_audit WHERE id IN (SELECT audit_id FROM auth_audit_seals WHERE number > @last)",
            [("@last", last - 3)],
            Cancel
        );
        await host.Database.ExecuteAsync("DELETE FROM auth_audit_seals WHERE number > @last", [("@last", last - 3)], Cancel);

        var mine = await VerifyAsync(host);
        var elsewhere = await host.App.Services.GetRequiredService<AuditVerifier>().VerifyAsync(last, (string)noted["head"]!, Cancel);
        var ignorant = await host.App.Services.GetRequiredService<AuditVerifier>().VerifyAsync(0, null, Cancel);

        Assert.Equal("removed", (string)mine["faults"]![0]!["kind"]!);
        Assert.False(elsewhere.Intact);
        Assert.True(ignorant.Intact);
    }

    [Fact]
    public async Task What_retention_removes_leaves_a_chain_that_verifies_and_what_others_remove_does_not()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2026-03-02T08:00:00Z"));
        await using var host = await AuthHost.StartAsync(null, time, AuthHost.Ready(("CodeLab:Auth:AuditDays", "30")));
        var retention = host.App.Services.GetRequiredService<AuditRetention>();
        await AppendAsync(host, 20);
        await SealAsync(host);
        time.Advance(TimeSpan.FromDays(20));
        await AppendAsync(host, 10);
        await SealAsync(host);
        time.Advance(TimeSpan.FromDays(15));

        // It also runs by itself when the clock moves: what counts is what is left.
        await retention.PruneAsync(Cancel);
        var again = await retention.PruneAsync(Cancel);
        var left = await RowsAsync(host);
        await SealAsync(host);
        var verifier = host.App.Services.GetRequiredService<AuditVerifier>();
        var verdict = await verifier.VerifyAsync(0, null, Cancel);
        time.Advance(TimeSpan.FromDays(20));
        await retention.PruneAsync(Cancel);
        var leftAtLast = await RowsAsync(host);
        var later = await verifier.VerifyAsync(0, null, Cancel);
        await host.Database.ExecuteAsync("DELETE FROM auth_audit WHERE type = @type", [("@type", AuditRetention.EventType)], Cancel);
        await host.Database.ExecuteAsync(
            "DELETE FROM auth_audit_seals WHERE number > (SELECT MIN(number) FROM auth_audit_seals)",
            [],
            Cancel
        );
        var robbed = await verifier.VerifyAsync(0, null, Cancel);

        Assert.Equal(0, again);
        Assert.Equal(10, left.Count);
        Assert.True(verdict.Intact, string.Join(", ", verdict.Faults));
        Assert.True(verdict.First > 20);
        Assert.Empty(leftAtLast);
        Assert.True(later.Intact, string.Join(", ", later.Faults));
        Assert.False(robbed.Intact);
    }

    [Fact]
    public async Task A_row_is_there_exactly_when_its_change_is()
    {
        await using var host = await AuthHost.StartReadyAsync();
        var trail = host.App.Services.GetRequiredService<IAuditTrail>();

        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            host.Database.TransactAsync<int>(
                async (connection, transaction) =>
                {
                    await trail.AppendAsync(connection, transaction, new AuditEvent("test.undone"));
                    throw new InvalidOperationException();
                },
                Cancel
            )
        );

        Assert.Empty((await ListAsync(host, "?type=test.undone"))["events"]!.AsArray());
    }

    [Fact]
    public async Task Events_are_listed_newest_first_in_pages_and_filtered()
    {
        await using var host = await AuthHost.StartReadyAsync();
        var trail = host.App.Services.GetRequiredService<IAuditTrail>();
        for (var i = 0; i < 5; i++)
        {
            await trail.AppendAsync(
                new AuditEvent("test.paged")
                {
                    Actor = i % 2 == 0 ? "even" : "odd",
                    Outcome = i == 3 ? "denied" : "success",
                    Reason = $"line\n{i}",
                    UserAgent = new string('a', 300),
                    Metadata = new Dictionary<string, object?> { ["i"] = i, ["names"] = new[] { "x", "y" } },
                },
                Cancel
            );
        }

        var first = await ListAsync(host, "?type=test.paged&limit=2");
        var second = await ListAsync(host, $"?type=test.paged&limit=2&cursor={(string)first["next_cursor"]!}");
        var even = await ListAsync(host, "?type=test.paged&actor=even");
        var denied = await ListAsync(host, "?type=test.paged&outcome=denied");
        var none = await ListAsync(host, "?type=test.paged&to=2020-01-01T00:00:00Z");

        Assert.Equal([4, 3], Numbers(first));
        Assert.Equal([2, 1], Numbers(second));
        Assert.Equal([4, 2, 0], Numbers(even));
        Assert.Equal([3], Numbers(denied));
        Assert.Empty(Numbers(none));
        Assert.Equal("line 4", (string)first["events"]![0]!["reason"]!);
        Assert.Equal(256, ((string)first["events"]![0]!["user_agent"]!).Length);
        Assert.Equal(HttpStatusCode.BadRequest, (await GetAsync(host, "?outcome=maybe")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await GetAsync(host, "?cursor=x")).Status);
    }

    [Fact]
    public async Task The_export_is_one_event_a_line_oldest_first()
    {
        await using var host = await AuthHost.StartReadyAsync();
        await AppendAsync(host, 1_100);

        var answer = await GetAsync(host, "/export?type=test.event");
        var lines = answer.Body.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!).ToArray();

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.StartsWith("application/jsonl", answer.Header("Content-Type"), StringComparison.Ordinal);
        Assert.Equal(1_100, lines.Length);
        Assert.Equal(Enumerable.Range(0, 1_100), lines.Select(l => (int)l["metadata"]!["i"]!));
    }

    [Fact]
    public async Task The_audit_is_for_administrators_only()
    {
        await using var host = await AuthHost.StartReadyAsync();
        var user = (await host.SignInAsync()).Text("access_token");

        foreach (var path in (string[])["", "/verify", "/export"])
        {
            Assert.Equal(HttpStatusCode.Unauthorized, (await host.GetAsync("/api/v1/admin/audit" + path)).Status);
            Assert.Equal(HttpStatusCode.Forbidden, (await host.GetAsync("/api/v1/admin/audit" + path, user)).Status);
        }
    }

    [Fact]
    public async Task Sampled_events_are_written_once_a_minute_and_count_the_others()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2026-03-02T08:00:00Z"));
        await using var host = await AuthHost.StartAsync(null, time, AuthHost.Ready());
        var trail = host.App.Services.GetRequiredService<IAuditTrail>();

        for (var i = 0; i < 5; i++)
            await trail.AppendSampledAsync(new AuditEvent("test.sampled"), "key", Cancel);
        await trail.AppendSampledAsync(new AuditEvent("test.sampled"), "other", Cancel);
        time.Advance(TimeSpan.FromSeconds(61));
        await trail.AppendSampledAsync(new AuditEvent("test.sampled"), "key", Cancel);

        var events = (await ListAsync(host, "?type=test.sampled"))["events"]!.AsArray();
        Assert.Equal(3, events.Count);
        Assert.Equal(4, (int)events[0]!["metadata"]!["suppressed"]!);
    }

    [Fact]
    public async Task Rows_written_at_once_by_many_are_all_sealed()
    {
        await using var host = await AuthHost.StartReadyAsync();

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => AppendAsync(host, 60))));
        var verdict = await VerifyAsync(host);

        Assert.True((bool)verdict["intact"]!, verdict.ToJsonString());
        Assert.True((long)verdict["last"]! >= 480);
        Assert.Equal(0, (long)verdict["pending"]!);
    }

    private static async Task AppendAsync(AuthHost host, int count)
    {
        var trail = host.App.Services.GetRequiredService<IAuditTrail>();
        await host.Database.TransactAsync(
            async (connection, transaction) =>
            {
                for (var i = 0; i < count; i++)
                {
                    var entry = new AuditEvent("test.event")
                    {
                        Actor = "somebody",
                        Reason = "because",
                        Metadata = new Dictionary<string, object?> { ["i"] = i },
                    };
                    await trail.AppendAsync(connection, transaction, entry);
                }
                return true;
            },
            Cancel
        );
    }

    private static Task<int> SealAsync(AuthHost host) => host.App.Services.GetRequiredService<AuditSealer>().SealAsync(Cancel);

    private static async Task<JsonObject> VerifyAsync(AuthHost host)
    {
        var answer = await GetAsync(host, "/verify");
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Body);
        return answer.Json;
    }

    private static async Task<JsonObject> ListAsync(AuthHost host, string query) => (await GetAsync(host, query)).Json;

    private static async Task<Answer> GetAsync(AuthHost host, string path) =>
        await host.GetAsync("/api/v1/admin/audit" + path, (await host.ServiceAsync()).Text("access_token"));

    private static int[] Numbers(JsonObject page) => [.. page["events"]!.AsArray().Select(e => (int)e!["metadata"]!["i"]!)];

    private static async Task<List<string>> RowsAsync(AuthHost host)
    {
        var rows = new List<string>();
        await using var connection = await host.Database.OpenAsync(Cancel);
        await using var command = connection.Command("SELECT id FROM auth_audit WHERE type = 'test.event' ORDER BY seq", null);
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        while (await reader.ReadAsync(Cancel))
            rows.Add(reader.GetString(0));
        return rows;
    }
}
