using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Llm;

/// <summary>The host is killed in the middle of many calls: what was settled is on record, and ledger, roll-ups and budget agree.</summary>
public sealed class LedgerKillTests(ITestOutputHelper output)
{
    private static readonly int _rounds = Environment.GetEnvironmentVariable("CODELAB_TESTS_FULL") == "1" ? 10 : 1;
    private static readonly TimeSpan _load = TimeSpan.FromSeconds(2);

    // A call's row is committed right after its answer; the answer may be with the client a little before.
    private static readonly TimeSpan _margin = TimeSpan.FromMilliseconds(250);

    [Fact]
    public async Task What_was_settled_survives_a_kill_and_everything_adds_up()
    {
        await using var server = await LlmServer.StartAsync();
        using var admin = await server.SignInAsync();
        await PutAsync(admin, "/api/v1/admin/prices/codelab-demo", """{"input":1,"output":1}""", HttpMethod.Put);
        await PutAsync(admin, "/api/v1/admin/budgets", """{"scope":"everyone","period":"total","amount":1000000}""", HttpMethod.Post);
        var total = 0;
        for (var round = 0; round < _rounds; round++)
        {
            using var client = await server.SignInAsync();
            var answered = new List<long>();
            using var stop = new CancellationTokenSource();
            var load = Task.WhenAll(Enumerable.Range(0, 32).Select(_ => CallAsync(client, answered, stop.Token)));
            await Task.Delay(_load, TestContext.Current.CancellationToken);

            var killed = Stopwatch.GetTimestamp();
            await server.Host.KillAsync();
            await stop.CancelAsync();
            await load;
            await server.Host.RestartAsync(TestContext.Current.CancellationToken);

            total += answered.Count(a => Stopwatch.GetElapsedTime(a, killed) > _margin);
            using var after = await server.SignInAsync();
            var (rows, cost) = await LedgerAsync(after);
            var usage = await GetAsync(after, "/api/v1/usage?from=2020-01-01T00:00:00Z&to=2029-01-01T00:00:00Z");
            var budget = (await GetAsync(after, "/api/v1/admin/budgets")).GetProperty("items")[0];
            output.WriteLine($"round {round}: {answered.Count} answered, {rows} rows in the ledger, {cost} dollars");
            Assert.True(total > 0);
            Assert.True(rows >= total, $"{total} calls were settled, {rows} are on record");
            Assert.Equal(rows, usage.GetProperty("total").GetProperty("calls").GetInt64());
            Assert.Equal(cost, usage.GetProperty("total").GetProperty("cost").GetDecimal());
            Assert.Equal(cost, budget.GetProperty("spent").GetDecimal());
            total = rows;
        }
    }

    private static async Task CallAsync(HttpClient client, List<long> answered, CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                using var body = LlmServer.Json(
                    """{"model":"codelab-demo","max_tokens":100,"messages":[{"role":"user","content":"Hello"}]}"""
                );
                using var response = await client.PostAsync(new Uri("/v1/chat/completions", UriKind.Relative), body, stop);
                await response.Content.ReadAsByteArrayAsync(stop);
                if (!response.IsSuccessStatusCode)
                    continue;
                lock (answered)
                    answered.Add(Stopwatch.GetTimestamp());
            }
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
        {
            // The host is gone: that is the test.
        }
    }

    private static async Task<(int Rows, decimal Cost)> LedgerAsync(HttpClient client)
    {
        var csv = await client.GetStringAsync(
            new Uri("/api/v1/usage/calls.csv?from=2020-01-01T00:00:00Z&to=2029-01-01T00:00:00Z", UriKind.Relative)
        );
        var lines = csv.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        var column = Array.IndexOf(lines[0].Split(','), "cost_usd");
        return (lines.Length - 1, lines.Skip(1).Sum(l => decimal.Parse(l.Split(',')[column], CultureInfo.InvariantCulture)));
    }

    private static async Task<JsonElement> GetAsync(HttpClient client, string path)
    {
        using var json = JsonDocument.Parse(await client.GetStringAsync(new Uri(path, UriKind.Relative)));
        return json.RootElement.Clone();
    }

    private static async Task PutAsync(HttpClient client, string path, string json, HttpMethod method)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative)) { Content = LlmServer.Json(json) };
        using var response = await client.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }
}
