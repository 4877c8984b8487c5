using System.Text.Json;
using System.Threading.Channels;
using CodeLab.Client.Rest;
using CodeLab.Client.SignIn;
using CodeLab.Protocol;
using CodeLab.Protocol.Hub;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.Client.Sessions;

/// <summary>
/// One connection to the hub, from its start to its end; it is never started again. Short breaks of the network are bridged by stateful
/// reconnect inside; after a real end the session client makes a new link, which keeps frames of two connections from mixing.
/// </summary>
internal sealed class HubLink : IAsyncDisposable
{
    private readonly HubConnection _hub;
    private readonly Channel<JsonElement> _inbox;
    private readonly TimeSpan _answerTimeout;
    private readonly TimeProvider _time;
    private readonly ITokenSource _tokens;
    private string? _token;

    public HubLink(ServerAddress server, ITokenSource tokens, TimeSpan answerTimeout, TimeProvider time)
    {
        _tokens = tokens;
        _answerTimeout = answerTimeout;
        _time = time;
        // Unbounded: the reader is this process, which folds faster than any server talks; the server bounds what it queues for us.
        _inbox = Channel.CreateUnbounded<JsonElement>(new UnboundedChannelOptions { SingleReader = true });

        var builder = new HubConnectionBuilder()
            .WithUrl(server.At(SessionHubNames.Path), options => options.AccessTokenProvider = TokenAsync)
            .WithStatefulReconnect();
        builder.AddJsonProtocol(options => options.PayloadSerializerOptions = new JsonSerializerOptions(ProtocolJson.Default.Options));
        _hub = builder.Build();
        _hub.On<JsonElement>(SessionHubNames.Receive, frame => _inbox.Writer.TryWrite(frame));
        _hub.Closed += fault =>
        {
            Abandon(fault ?? new IOException("The server closed the connection."));
            return Task.CompletedTask;
        };
    }

    /// <summary>Frames in the order of their arrival; fails when the connection ends.</summary>
    public ChannelReader<JsonElement> Frames => _inbox.Reader;

    /// <exception cref="NotSignedInException">There is no sign-in.</exception>
    /// <exception cref="HttpRequestException">The server is not there, or refused with a status.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_answerTimeout);
        await _hub.StartAsync(limit.Token);
    }

    /// <summary>Makes the next token a new one, after the server refused this one.</summary>
    public void TokenRefused()
    {
        if (_token is { } token)
            _tokens.Refused(token);
    }

    /// <summary>Calls a method of the hub.</summary>
    /// <exception cref="ServerException">The server refused.</exception>
    /// <exception cref="IOException">The connection ended before the answer; the server may or may not have taken the call.</exception>
    public async Task<TAnswer> CallAsync<TAnswer>(string method, object argument, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(_answerTimeout, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            return await _hub.InvokeCoreAsync<TAnswer>(method, [argument], both.Token);
        }
        catch (HubException fault)
        {
            throw HubFaults.Read(fault);
        }
        catch (Exception fault) when (fault is not JsonException && !cancellationToken.IsCancellationRequested)
        {
            var lost = new IOException(
                limit.IsCancellationRequested
                    ? $"The server did not answer for {_answerTimeout.TotalSeconds:0} seconds."
                    : $"The connection ended: {fault.Message}",
                fault
            );
            Abandon(lost);
            throw lost;
        }
    }

    /// <summary>Ends the link for its reader.</summary>
    public void Abandon(Exception reason) => _inbox.Writer.TryComplete(reason);

    public ValueTask DisposeAsync() => _hub.DisposeAsync();

    private async Task<string?> TokenAsync() => _token = await _tokens.GetAsync();
}
