using CodeLab.Cli.Terminal;

namespace CodeLab.Cli.SignIn;

/// <summary>Asks for one line on the terminal, shown or hidden.</summary>
internal static class SecretPrompt
{
    public static async Task<string> AskAsync(CliConsole console, string question, bool hidden, CancellationToken cancellationToken)
    {
        await using var keys = new KeySource();
        var line = new LineBuffer();
        await console.Error.WriteAsync(question);
        while (true)
        {
            var key = await keys.Keys.ReadAsync(cancellationToken);
            if (key.Key == ConsoleKey.Enter)
                break;
            if (key is { Key: ConsoleKey.C or ConsoleKey.D, Modifiers: ConsoleModifiers.Control })
                throw new OperationCanceledException();
            line.Apply(key);
            if (!hidden)
                await console.Error.WriteAsync($"\r\u001b[K{question}{line.Text}");
        }
        await console.Error.WriteLineAsync();
        return line.Text;
    }
}
