using System.CommandLine;
using System.Text.Json;
using CodeLab.Cli.Approvals;
using CodeLab.Cli.CommandLine;
using CodeLab.Cli.Server;
using CodeLab.Cli.Terminal;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;

namespace CodeLab.Cli.Sessions;

/// <summary><c>codelab sessions rerun</c>: whether a session would still go as it went.</summary>
internal static class RerunCommand
{
    public static Command Create(CommonOptions options)
    {
        var session = TransferCommands.SessionArgument();
        var autonomy = new Option<string?>("--autonomy")
        {
            Description = "Decide by this level: paranoid, cautious, balanced, autonomous",
            HelpName = "LEVEL",
        };
        var rules = new Option<string?>("--rules")
        {
            Description = "Decide by the policy rules of this file, a JSON array, instead of the server's",
            HelpName = "FILE",
        };
        var strict = new Option<bool>("--strict-prompt") { Description = "Another prompt or list of tools is a difference too" };
        var command = new Command("rerun", "Plays a session once more and tells the first difference; exit code 1 when there is one")
        {
            session,
            autonomy,
            rules,
            strict,
            options.Server,
            options.Json,
            options.Data,
            options.NoColor,
        };
        CodeLabCommand.SetAction(
            command,
            options,
            async (parsed, settings, console, cancellationToken) =>
            {
                var body = new RerunBody
                {
                    Autonomy = parsed.GetValue(autonomy),
                    Rules = parsed.GetValue(rules) is { } file ? await RulesAsync(file, cancellationToken) : null,
                    StrictPrompt = parsed.GetValue(strict),
                };
                using var connection = await ServerConnection.OpenAsync(settings, cancellationToken);
                var answer = await connection.Api.RerunAsync(parsed.GetValue(session)!, body, cancellationToken);
                if (settings.Json)
                    await console.Out.WriteLineAsync(JsonSerializer.Serialize(answer, ProtocolJson.Default.RerunAnswer));
                else
                    await TellAsync(answer, console);
                return answer.Same ? ExitCodes.Done : ExitCodes.Failed;
            }
        );
        return command;
    }

    private static async Task<IReadOnlyList<PolicyRuleBody>> RulesAsync(string file, CancellationToken cancellationToken)
    {
        await using var stream = File.OpenRead(file);
        try
        {
            return await JsonSerializer.DeserializeAsync(stream, ProtocolJson.Default.IReadOnlyListPolicyRuleBody, cancellationToken) ?? [];
        }
        catch (JsonException fault)
        {
            throw new UsageException($"{file} holds no JSON array of policy rules: {fault.Message}");
        }
    }

    private static async Task TellAsync(RerunAnswer answer, CliConsole console)
    {
        if (answer.PromptChangedAt is { } changed)
            console.Note($"From event {changed} on the model is sent another prompt or list of tools than it was.");
        if (answer.Difference is not { } difference)
        {
            await console.Out.WriteLineAsync($"All {answer.Events} events come out as they did.");
            return;
        }
        await console.Out.WriteLineAsync($"Event {difference.Seq} of {answer.Events} comes out otherwise.");
        await console.Out.WriteLineAsync($"  then: {difference.Kind} {ToolLine.OneLine(difference.Expected?.GetRawText() ?? "–", 400)}");
        await console.Out.WriteLineAsync(
            $"  now:  {difference.ActualKind ?? "nothing"} {ToolLine.OneLine(difference.Actual?.GetRawText() ?? difference.Note ?? "", 400)}"
        );
    }
}
