using CodeLab.Cli.Sessions;

namespace CodeLab.Cli.Chat;

/// <summary>What is typed with a slash.</summary>
internal sealed partial class ChatLoop
{
    private async Task CommandAsync(string text)
    {
        var words = text.Split(' ', 2, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var argument = words.Length > 1 ? words[1] : null;
        switch (words[0])
        {
            case "/help":
                foreach (var line in ChatCommands.Help)
                    _transcript.Note(line);
                break;
            case "/quit" or "/exit":
                await _leave.CancelAsync();
                break;
            case "/agents":
                foreach (var agent in (await connection.Api.AgentsAsync(_leave.Token)).Agents)
                    _transcript.Draw(ChatCommands.Agent(agent, agent.Type == _session.Client.State.Agent));
                break;
            case "/agent" when argument is not null:
                await _session.Client.SwitchAgentAsync(argument, _leave.Token);
                break;
            case "/models":
                foreach (var model in (await connection.Api.ModelsAsync(_leave.Token)).Models)
                    _transcript.Note($"  {model.Id}  {model.Provider}{(model.IsDefault ? "  (default)" : "")}");
                break;
            case "/model" when argument is not null:
                _model = argument;
                _transcript.Note($"The next message, and the session from then on, uses {argument}.");
                break;
            case "/sessions":
                _screen.Commit(
                    SessionsCommand.Lines(await connection.Api.SessionsAsync(15, cancellationToken: _leave.Token), console, connection.Time)
                );
                break;
            case "/resume" when argument is not null:
                await connection.Api.SessionAsync(argument, _leave.Token);
                await SwitchSessionAsync(argument);
                break;
            case "/new":
                await SwitchSessionAsync(null);
                break;
            default:
                _transcript.Note(
                    ChatCommands.Help.Any(line => line.StartsWith($"  {words[0]} ", StringComparison.Ordinal))
                        ? $"{words[0]} needs a name: see /help."
                        : $"There is no command {words[0]}: see /help."
                );
                break;
        }
    }

    private async Task SwitchSessionAsync(string? sessionId)
    {
        if (sessionId == _session.SessionId)
            return;
        var before = _session;
        await OpenAsync(sessionId);
        _transcript.Reset();
        _shown.Clear();
        _sending.Clear();
        Asked(null);
        _turnRan = _cancelling = false;
        _connectionNote = null;
        _transcript.Blank();
        _transcript.Note($"Session {_session.SessionId}");
        await before.DisposeAsync();
    }
}
