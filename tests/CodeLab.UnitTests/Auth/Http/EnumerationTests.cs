using System.Diagnostics;
using System.Net;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>Nobody finds out which names exist: not by answer, not by status, not by time (security.md §3).</summary>
public sealed class EnumerationTests(ITestOutputHelper output)
{
    private static readonly bool _full = Environment.GetEnvironmentVariable("CODELAB_TESTS_FULL") == "1";

    [Fact]
    public async Task Unknown_names_and_wrong_passwords_are_told_apart_by_nothing()
    {
        // 200 tries in the full run, the two before them included; they hash for a tenth of a second each.
        var pairs = _full ? 99 : 30;
        await using var host = await AuthHost.StartReadyAsync(("CodeLab:Auth:Lockout:Threshold", "100"));
        await host.SignInAsync("ada", "wrong");
        await host.SignInAsync("nobody", "wrong");
        var random = new Random(7);
        var slower = 0;
        var times = new Dictionary<string, List<double>> { ["ada"] = [], ["nobody"] = [] };
        string? shown = null;

        for (var i = 0; i < pairs; i++)
        {
            // Which comes first is drawn, so that neither profits from a warm cache or suffers from a busy machine.
            string[] names = random.Next(2) == 0 ? ["ada", "nobody"] : ["nobody", "ada"];
            foreach (var name in names)
            {
                var clock = Stopwatch.GetTimestamp();
                var answer = await host.SignInAsync(name, "wrong-password-" + i);
                times[name].Add(Stopwatch.GetElapsedTime(clock).TotalMilliseconds);
                Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
                var seen =
                    answer.Body
                    + string.Join(
                        ';',
                        answer.Message.Headers.Where(h => h.Key != "Date").Select(h => $"{h.Key}={string.Join(',', h.Value)}")
                    );
                Assert.Equal(shown ??= seen, seen);
            }
            if (times["nobody"][^1] > times["ada"][^1])
                slower++;
        }

        // Were there no difference, "nobody" would be the slower one in half of the pairs: 3.3 standard deviations hold 999 runs of 1,000.
        var deviation = Math.Abs(slower - pairs / 2.0) / (Math.Sqrt(pairs) / 2);
        output.WriteLine(
            $"{pairs} pairs: known {Median(times["ada"]):F1} ms, unknown {Median(times["nobody"]):F1} ms, unknown slower in {slower}, "
                + $"{deviation:F2} standard deviations"
        );
        Assert.True(deviation < 3.3, $"Unknown names were slower in {slower} of {pairs} pairs");
    }

    [Fact]
    public async Task A_lock_tells_nothing_either()
    {
        await using var host = await AuthHost.StartReadyAsync(("CodeLab:Auth:Lockout:Threshold", "3"));
        var bodies = new List<string>();

        foreach (var name in (string[])["ada", "nobody"])
        {
            for (var i = 0; i < 3; i++)
                bodies.Add((await host.SignInAsync(name, "wrong")).Body);
            var locked = await host.SignInAsync(name, AuthHost.Password);
            bodies.Add($"{locked.Status} {locked.Text("error")} {string.Join(',', locked.Json.Select(m => m.Key))}");
        }

        Assert.Equal(bodies.Take(4), bodies.Skip(4));
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
