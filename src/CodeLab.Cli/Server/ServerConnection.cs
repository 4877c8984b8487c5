using CodeLab.Cli.CommandLine;
using CodeLab.Client.Rest;
using CodeLab.Client.SignIn;
using CodeLab.Client.Storage;

namespace CodeLab.Cli.Server;

/// <summary>A server, how to sign in to it, and the client's data beside it.</summary>
internal sealed class ServerConnection : IDisposable
{
    public const string DefaultServer = "http://localhost:8000";

    private readonly HttpClient _http;

    public ServerConnection(ClientDataDirectory data, ServerAddress server, ITokenSource? tokens, TimeProvider time)
    {
        Data = data;
        Server = server;
        Time = time;
        _http = CreateHttp();
        OAuth = new OAuthClient(_http, server, time);
        Store = new TokenStore(data, time);
        Tokens = tokens ?? new StoredTokenSource(Store, OAuth, server, time);
        Api = new ServerApi(_http, server, Tokens);
    }

    public ClientDataDirectory Data { get; }
    public ServerAddress Server { get; }
    public OAuthClient OAuth { get; }
    public TokenStore Store { get; }
    public ITokenSource Tokens { get; }
    public ServerApi Api { get; }
    public TimeProvider Time { get; }

    /// <summary>The server of the command line, the environment, the last sign-in, or this machine.</summary>
    /// <exception cref="UsageException">The address is none.</exception>
    public static async Task<ServerConnection> OpenAsync(CommonSettings settings, CancellationToken cancellationToken)
    {
        var time = TimeProvider.System;
        var data = ClientDataDirectory.Open(settings.Data);
        var text = settings.Server ?? NotEmpty(Environment.GetEnvironmentVariable("CODELAB_SERVER"));
        text ??= await new TokenStore(data, time).LastServerAsync(cancellationToken) ?? DefaultServer;
        try
        {
            return new ServerConnection(data, ServerAddress.Parse(text), null, time);
        }
        catch (FormatException fault)
        {
            throw new UsageException(fault.Message);
        }
    }

    public static HttpClient CreateHttp()
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            AllowAutoRedirect = false,
        };
        var http = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(60) };
        http.DefaultRequestHeaders.UserAgent.ParseAdd($"codelab-cli/{ProgramVersion.Text}");
        return http;
    }

    public void Dispose() => _http.Dispose();

    private static string? NotEmpty(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
}
