using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Tokens;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.Benchmarks.Auth;

/// <summary>
/// Grants a second as a share of what OpenSSL signs a second with RSA-2048 on one core, measured in the same run; what checking a token adds
/// to a request; and what pruning does to requests. Server and load share this process and its cores, so the server alone is faster.
/// </summary>
internal static class TokenSpeed
{
    private static readonly TimeSpan _length = TimeSpan.FromSeconds(8);

    public static async Task RunAsync(string? postgres)
    {
        await RunAsync(postgres is null ? "SQLite" : "PostgreSQL", postgres);
    }

    private static async Task RunAsync(string name, string? postgres)
    {
        Console.WriteLine($"-- {name}");
        await using var server = await AuthServer.StartAsync(postgres);
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64, UseCookies = false })
        {
            BaseAddress = server.Address,
        };
        var before = await SigningRateAsync();
        var service = await RateAsync(16, _ => PostAsync(http, ServiceForm));
        var middle = await SigningRateAsync();
        var tokens = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => SignInAsync(http)));
        var refresh = await RateAsync(32, async i => tokens[i] = Token(await PostAsync(http, RefreshForm(tokens[i])), "refresh_token"));
        var after = await SigningRateAsync();
        Report("client credentials", service, (before + middle) / 2, 0.50);
        Report("durable refresh", refresh, (middle + after) / 2, 0.25);
        await CheckAsync(http);
        await PruneAsync(server, http, tokens);
    }

    private static void Report(string what, double rate, double signing, double goal) =>
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{what}: {rate:0}/s, RSA-2048 {signing:0}/s, ratio {rate / signing:0.00} (goal {goal:0.00})"
            )
        );

    private static async Task CheckAsync(HttpClient http)
    {
        var access = Token(await PostAsync(http, ServiceForm), "access_token");
        var bare = await MedianAsync(http, "/bare", null);
        var with = await MedianAsync(http, "/checked", access);
        bare = Math.Min(bare, await MedianAsync(http, "/bare", null));
        with = Math.Min(with, await MedianAsync(http, "/checked", access));
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"token check: empty {bare:0} µs, checked {with:0} µs, added {with - bare:0} µs (goal 50)"
            )
        );
    }

    private static async Task PruneAsync(AuthServer server, HttpClient http, string[] tokens)
    {
        const int Rows = 1_000_000;
        await FillAsync(server, Rows);
        var usual = await LatenciesAsync(http, tokens, TimeSpan.FromSeconds(10), null);
        using var done = new CancellationTokenSource();
        var since = Stopwatch.GetTimestamp();
        var pruning = Task.Run(async () =>
        {
            try
            {
                return await server.App.Services.GetRequiredService<Pruning>().PruneAsync(CancellationToken.None);
            }
            finally
            {
                await done.CancelAsync();
            }
        });
        var busy = await LatenciesAsync(http, tokens, TimeSpan.FromMinutes(10), done.Token);
        var deleted = await pruning;
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"pruning {deleted} rows in {Stopwatch.GetElapsedTime(since).TotalSeconds:0} s: refresh p99 usual {At(usual, 0.99):0.0} ms, "
                    + $"during {At(busy, 0.99):0.0} ms, slowest usual {usual[^1]:0.0} ms, during {busy[^1]:0.0} ms "
                    + $"({busy.Count(ms => ms > 2 * At(usual, 0.99))} of {busy.Count} over 2 × usual p99)"
            )
        );
    }

    private static async Task FillAsync(AuthServer server, int rows)
    {
        await server.Database.ExecuteAsync(
            "INSERT INTO auth_sign_ins (id, user_id, client_id, scope, security_stamp, methods, created_at, last_used_at, expires_at) "
                + "SELECT 'old', id, 'codelab-cli', 'api:read', security_stamp, 'pwd', 0, 0, 9000000000000 FROM auth_users LIMIT 1",
            [],
            CancellationToken.None
        );
        var random =
            server.Database.Provider == BuildingBlocks.Data.DatabaseProvider.Sqlite
                ? "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {0}) SELECT randomblob(32), 'old', i FROM n"
                : "SELECT sha256(i::text::bytea), 'old', i FROM generate_series(1, {0}) i";
        // In parts, so that the writer's patience is not tried.
        for (var part = 0; part < 20; part++)
        {
            var sql =
                "INSERT INTO auth_refresh_tokens (hash, sign_in_id, expires_at) "
                + string.Format(CultureInfo.InvariantCulture, random, rows / 20);
            if (server.Database.Provider != BuildingBlocks.Data.DatabaseProvider.Sqlite)
                sql = sql.Replace("i::text", $"(i + {part * rows})::text", StringComparison.Ordinal);
            await server.Database.ExecuteAsync(sql, [], CancellationToken.None);
        }
    }

    /// <summary>Milliseconds of refreshes, four at a time with pauses, sorted.</summary>
    private static async Task<List<double>> LatenciesAsync(HttpClient http, string[] tokens, TimeSpan length, CancellationToken? until)
    {
        var all = new List<double>();
        var start = Stopwatch.GetTimestamp();
        await Task.WhenAll(
            Enumerable
                .Range(0, 4)
                .Select(async i =>
                {
                    while (Stopwatch.GetElapsedTime(start) < length && until?.IsCancellationRequested != true)
                    {
                        var since = Stopwatch.GetTimestamp();
                        tokens[i] = Token(await PostAsync(http, RefreshForm(tokens[i])), "refresh_token");
                        lock (all)
                            all.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
                        await Task.Delay(5);
                    }
                })
        );
        all.Sort();
        return all;
    }

    private static double At(List<double> sorted, double share) => sorted[(int)(share * (sorted.Count - 1))];

    private static async Task<double> MedianAsync(HttpClient http, string path, string? token)
    {
        var times = new List<double>();
        for (var i = 0; i < 6000; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            if (token is not null)
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            var since = Stopwatch.GetTimestamp();
            using var answer = await http.SendAsync(request);
            answer.EnsureSuccessStatusCode();
            if (i >= 2000)
                times.Add(Stopwatch.GetElapsedTime(since).TotalMicroseconds);
        }
        times.Sort();
        return times[times.Count / 2];
    }

    private static async Task<double> RateAsync(int workers, Func<int, Task> work)
    {
        long count = 0;
        await RunForAsync(TimeSpan.FromSeconds(2));
        count = 0;
        var since = Stopwatch.GetTimestamp();
        await RunForAsync(_length);
        return count / Stopwatch.GetElapsedTime(since).TotalSeconds;

        Task RunForAsync(TimeSpan length)
        {
            var start = Stopwatch.GetTimestamp();
            return Task.WhenAll(
                Enumerable
                    .Range(0, workers)
                    .Select(i =>
                        Task.Run(async () =>
                        {
                            while (Stopwatch.GetElapsedTime(start) < length)
                            {
                                await work(i);
                                Interlocked.Increment(ref count);
                            }
                        })
                    )
            );
        }
    }

    private static async Task<double> SigningRateAsync()
    {
        var start = new ProcessStartInfo("openssl", ["speed", "-seconds", "2", "rsa2048"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        var line = output.Split('\n').Last(l => l.StartsWith("rsa", StringComparison.Ordinal));
        return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);
    }

    private static async Task<byte[]> PostAsync(HttpClient http, string form)
    {
        using var content = new StringContent(form, MediaTypeHeaderValue.Parse("application/x-www-form-urlencoded"));
        using var answer = await http.PostAsync(new Uri("/oauth/token", UriKind.Relative), content);
        var body = await answer.Content.ReadAsByteArrayAsync();
        return answer.IsSuccessStatusCode ? body : throw new InvalidOperationException(System.Text.Encoding.UTF8.GetString(body));
    }

    private static string ServiceForm => $"grant_type=client_credentials&client_id=bench&client_secret={AuthServer.Secret}";

    private static string RefreshForm(string token) => $"grant_type=refresh_token&client_id=codelab-cli&refresh_token={token}";

    private static async Task<string> SignInAsync(HttpClient http) =>
        Token(
            await PostAsync(http, $"grant_type=password&client_id=codelab-cli&username=ada&password={AuthServer.Password}"),
            "refresh_token"
        );

    private static string Token(byte[] answer, string name)
    {
        using var json = JsonDocument.Parse(answer);
        return json.RootElement.GetProperty(name).GetString()!;
    }
}
