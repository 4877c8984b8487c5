using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using CodeLab.Cli.Approvals;
using CodeLab.Cli.CommandLine;
using CodeLab.Cli.Server;
using CodeLab.Cli.Terminal;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using Spectre.Console;

namespace CodeLab.Cli.Sessions;

/// <summary><c>codelab sessions</c>: the sessions of the person who is signed in.</summary>
internal static class SessionsCommand
{
    public static Command Create(CommonOptions options)
    {
        var limit = new Option<int>("--limit")
        {
            Description = "Most sessions listed, 1 to 1000",
            DefaultValueFactory = _ => 20,
            HelpName = "N",
        };
        limit.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > 1000)
                result.AddError("--limit is a number from 1 to 1000.");
        });
        var command = new Command("sessions", "Lists sessions, newest first")
        {
            options.Server,
            limit,
            options.Json,
            options.Data,
            options.NoColor,
            TransferCommands.Export(options),
            TransferCommands.Import(options),
            TransferCommands.Fork(options),
            RerunCommand.Create(options),
        };
        CodeLabCommand.SetAction(
            command,
            options,
            async (parsed, settings, console, cancellationToken) =>
            {
                using var connection = await ServerConnection.OpenAsync(settings, cancellationToken);
                var list = await connection.Api.SessionsAsync(parsed.GetValue(limit), cancellationToken: cancellationToken);
                if (settings.Json)
                    await console.Out.WriteLineAsync(JsonSerializer.Serialize(list, ProtocolJson.Default.SessionList));
                else if (list.Sessions.Count == 0)
                    console.Note("No sessions yet. Begin one: codelab chat");
                else
                    Draw(list, console, connection.Time);
                return ExitCodes.Done;
            }
        );
        return command;
    }

    public static void Draw(SessionList list, CliConsole console, TimeProvider time)
    {
        foreach (var line in Lines(list, console, time))
            console.Out.WriteLine(line);
    }

    public static IEnumerable<string> Lines(SessionList list, CliConsole console, TimeProvider time)
    {
        var table = new Table { Border = TableBorder.None };
        foreach (var title in (string[])["SESSION", "TITLE", "AGENT", "STATE", "MESSAGES", "LAST"])
            table.AddColumn(new TableColumn(new Text(title, new Style(Color.Grey))) { NoWrap = title is "SESSION" or "LAST" });
        foreach (var session in list.Sessions)
            table.AddRow(
                new Text(session.Id),
                new Text(ToolLine.OneLine(session.Title ?? "–", 48)),
                new Text(session.CurrentAgent),
                new Text(
                    (session.Status ?? "idle").Replace('_', ' '),
                    session.Status is "waiting_approval" ? new Style(Color.Yellow) : Style.Plain
                ),
                new Text(session.MessageCount.ToString(CultureInfo.InvariantCulture)),
                new Text(Ago(time.GetUtcNow() - session.LastActivity))
            );
        // A piped table is not squeezed to a guess of a width.
        var lines = console.Lines(table, console.IsInteractive ? null : 160).Select(line => line.TrimEnd());
        return list.Total > list.Sessions.Count ? lines.Append($"{list.Sessions.Count} of {list.Total}") : lines;
    }

    internal static string Ago(TimeSpan time) =>
        time switch
        {
            { TotalMinutes: < 1 } => "now",
            { TotalHours: < 1 } => $"{time.TotalMinutes:0} min ago",
            { TotalDays: < 1 } => $"{time.TotalHours:0} h ago",
            _ => $"{time.TotalDays:0} d ago",
        };
}
