using CodeLab.BuildingBlocks.Startup;
using CodeLab.Host.Configuration;

namespace CodeLab.Host.Startup;

/// <summary>Runs a command of the modules instead of the service, when the first argument is a word and no setting.</summary>
internal static class HostCommands
{
    /// <summary>True when the arguments name a command.</summary>
    public static bool AreMeant(string[] args) =>
        args is [{ Length: > 0 } first, ..] && first[0] is not ('-' or '/') && !first.Contains('=');

    public static async Task<int> RunAsync(string[] args)
    {
        // What the command says is all there is to read; its options do no harm among the settings.
        var builder = HostSetup.CreateBuilder(["--CodeLab:Logging:Level=Error", .. args[1..]]);
        await using var app = builder.Build();
        SettingsCheck.ThrowIfWrong(app.Services);
        var commands = app.Services.GetServices<IHostCommand>().OrderBy(c => c.Name, StringComparer.Ordinal).ToArray();
        if (Array.Find(commands, c => c.Name == args[0]) is not { } command)
        {
            await Console.Error.WriteLineAsync($"There is no command '{args[0]}'. Without a command the service starts. There are:");
            foreach (var known in commands)
                await Console.Error.WriteLineAsync($"  {known.Name, -14} {known.Summary}");
            return 2;
        }
        using var stop = new CancellationTokenSource();
        Console.CancelKeyPress += (_, press) =>
        {
            press.Cancel = true;
            stop.Cancel();
        };
        return await command.RunAsync(args[1..], Console.Out, stop.Token);
    }
}
