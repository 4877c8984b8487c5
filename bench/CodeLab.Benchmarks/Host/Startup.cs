using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace CodeLab.Benchmarks.Host;

/// <summary>
/// From process start to the first 200 of /health, and idle memory: the published host beside an empty ASP.NET Core app published the same
/// way, in turns, on one machine. And the command line's <c>--version</c>.
/// </summary>
internal static class Startup
{
    private const int _rounds = 9;
    private static readonly TimeSpan _idle = TimeSpan.FromSeconds(6);

    public static async Task RunAsync(string? folder)
    {
        var root = FindRoot();
        var output = folder ?? Path.Combine(Path.GetTempPath(), "codelab-bench-startup");
        foreach (var (project, name) in new[] { ("bench/CodeLab.EmptyApp", "empty"), ("src/CodeLab.Host", "host") })
            Publish(root, project, Path.Combine(output, name), "--self-contained false -p:PublishReadyToRun=true");
        Publish(root, "src/CodeLab.Cli", Path.Combine(output, "cli"), "");

        var data = Path.Combine(output, "data");
        Directory.CreateDirectory(data);
        var empty = Path.Combine(output, "empty", "CodeLab.EmptyApp");
        var host = Path.Combine(output, "host", "CodeLab.Host");
        var cli = Path.Combine(output, "cli", "codelab");
        await StartAsync(empty, null, idle: false);
        var first = await StartAsync(host, data, idle: false);
        Console.WriteLine($"first start, database made: {first.Seconds:N2} s");

        List<Sample> emptySamples = [];
        List<Sample> hostSamples = [];
        List<double> versions = [];
        for (var round = 0; round < _rounds; round++)
        {
            emptySamples.Add(await StartAsync(empty, null, idle: round == 0));
            hostSamples.Add(await StartAsync(host, data, idle: round == 0));
            versions.Add(await VersionAsync(cli));
        }
        Print("empty app", emptySamples);
        Print("host", hostSamples);
        Console.WriteLine(
            $"start ratio, min / min       {hostSamples.Min(s => s.Seconds) / emptySamples.Min(s => s.Seconds):N2} x   (goal 2.5)"
        );
        Console.WriteLine($"start ratio, median / median {Median(hostSamples) / Median(emptySamples):N2} x");
        Console.WriteLine(
            $"idle memory of the host      {hostSamples[0].IdleMiB:N0} MiB   (goal 190; empty app {emptySamples[0].IdleMiB:N0})"
        );
        versions.Sort();
        Console.WriteLine($"codelab --version            {versions[0]:N3} s min, {versions[_rounds / 2]:N3} s median   (goal 0.1)");
    }

    private sealed record Sample(double Seconds, double CpuSeconds, double IdleMiB);

    private static double Median(List<Sample> samples) => samples.Select(s => s.Seconds).Order().ElementAt(samples.Count / 2);

    private static void Print(string name, List<Sample> samples) =>
        Console.WriteLine(
            $"{name, -10} ready {samples.Min(s => s.Seconds):N2} s min, {Median(samples):N2} s median, {samples.Min(s => s.CpuSeconds):N2} s CPU min"
        );

    private static async Task<Sample> StartAsync(string program, string? data, bool idle)
    {
        var url = $"http://127.0.0.1:{FreePort()}";
        var start = new ProcessStartInfo(program)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["ASPNETCORE_URLS"] = url;
        start.Environment["DOTNET_TieredPGO"] = "0";
        if (data is not null)
        {
            start.Environment["CodeLab__DataDirectory"] = data;
            start.Environment["CODELAB_ADMIN_USERNAME"] = "bench";
            start.Environment["CODELAB_ADMIN_PASSWORD"] = "Bench-only-password-1!";
            start.Environment["CodeLab__Shutdown__BalancerSeconds"] = "0";
        }
        var began = Stopwatch.GetTimestamp();
        using var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        while (true)
        {
            try
            {
                using var answer = await client.GetAsync(new Uri(url + "/health"));
                if (answer.StatusCode == HttpStatusCode.OK)
                    break;
            }
            catch (HttpRequestException) when (!process.HasExited)
            {
                await Task.Delay(1);
            }
            if (process.HasExited || Stopwatch.GetElapsedTime(began) > TimeSpan.FromSeconds(60))
                throw new InvalidOperationException($"{program} did not answer");
        }
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var cpu = process.TotalProcessorTime.TotalSeconds;
        var memory = 0.0;
        if (idle)
        {
            await Task.Delay(_idle);
            process.Refresh();
            memory = process.WorkingSet64 / 1024.0 / 1024.0;
        }
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        return new(seconds, cpu, memory);
    }

    private static async Task<double> VersionAsync(string cli)
    {
        var began = Stopwatch.GetTimestamp();
        using var process = Process.Start(
            new ProcessStartInfo(cli, "--version") { UseShellExecute = false, RedirectStandardOutput = true }
        )!;
        await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static void Publish(string root, string project, string output, string options)
    {
        Console.Error.WriteLine($"publishing {project} …");
        var arguments = $"publish {project} -c Release -r linux-x64 {options} -o {output} -v q --nologo";
        using var process = Process.Start(new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = root })!;
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"dotnet {arguments} ended with {process.ExitCode}");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "CodeLab.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("Run this from a checkout of CodeLab");
        return folder;
    }
}
