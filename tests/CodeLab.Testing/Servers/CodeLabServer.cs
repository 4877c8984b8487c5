using System.Net.Http.Headers;
using CodeLab.Protocol;

namespace CodeLab.Testing.Servers;

/// <summary>
/// The real host in a process of its own, on a free loopback port and a data folder of its own, so that a test may kill it and start it
/// again. It dies with the test run.
/// </summary>
public sealed class CodeLabServer : IAsyncDisposable
{
    /// <summary>Name of the administrator every server is started with.</summary>
    public const string AdminName = "admin";

    /// <summary>Password of the administrator.</summary>
    public const string AdminPassword = "Correct-Horse-7-Battery";

    private readonly CodeLabServerOptions _options;
    private readonly string _folder;
    private readonly bool _ownsFolder;
    private readonly List<HttpClient> _clients = [];
    private readonly string _readyFile;
    private HostProcess? _process;
    private Uri? _baseAddress;

    private CodeLabServer(CodeLabServerOptions options)
    {
        _options = options;
        _ownsFolder = options.DataDirectory is null;
        _folder = Directory.CreateTempSubdirectory("codelab-test-").FullName;
        DataDirectory = options.DataDirectory ?? Path.Combine(_folder, "data");
        _readyFile = Path.Combine(_folder, "ready");
    }

    /// <summary>Where the server listens; the same after a restart.</summary>
    public Uri BaseAddress => _baseAddress ?? throw new InvalidOperationException("The server did not start yet");

    /// <summary>The server's data folder.</summary>
    public string DataDirectory { get; }

    /// <summary>The running process, or the last one.</summary>
    public HostProcess Process => _process ?? throw new InvalidOperationException("The server did not start yet");

    /// <summary>Starts a server and waits until it serves requests.</summary>
    /// <exception cref="InvalidOperationException">It ended instead; the message has its output.</exception>
    public static async Task<CodeLabServer> StartAsync(CodeLabServerOptions? options = null, CancellationToken cancellationToken = default)
    {
        var server = new CodeLabServer(options ?? new CodeLabServerOptions());
        try
        {
            await server.LaunchAsync(cancellationToken);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends the process as a power cut would (SIGKILL).</summary>
    public Task KillAsync() => Process.KillAsync();

    /// <summary>Asks the process to stop (SIGTERM) and returns its exit code.</summary>
    public Task<int> StopAsync(CancellationToken cancellationToken = default) => Process.StopAsync(cancellationToken);

    /// <summary>Starts again on the same data and port; kills what still runs.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken = default)
    {
        await Process.DisposeAsync();
        await LaunchAsync(cancellationToken);
    }

    /// <summary>A client that is not signed in. It is disposed with the server.</summary>
    public HttpClient CreateClient()
    {
        var client = new HttpClient { BaseAddress = BaseAddress, Timeout = TimeSpan.FromSeconds(100) };
        _clients.Add(client);
        return client;
    }

    /// <summary>A client that is signed in by the password grant.</summary>
    public async Task<HttpClient> SignInAsync(
        string username = AdminName,
        string password = AdminPassword,
        CancellationToken cancellationToken = default
    )
    {
        var client = CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer",
            await GetTokenAsync(username, password, cancellationToken)
        );
        return client;
    }

    /// <summary>An access token, by the password grant of <c>codelab-cli</c>.</summary>
    public async Task<string> GetTokenAsync(
        string username = AdminName,
        string password = AdminPassword,
        CancellationToken cancellationToken = default
    )
    {
        using var client = new HttpClient { BaseAddress = BaseAddress };
        using var form = new FormUrlEncodedContent(
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["grant_type"] = "password",
                ["client_id"] = "codelab-cli",
                ["username"] = username,
                ["password"] = password,
                ["scope"] = "api:read api:write",
            }
        );
        using var response = await client.PostAsync(new Uri("/oauth/token", UriKind.Relative), form, cancellationToken);
        return (await response.ReadAsync(ProtocolJson.Default.TokenAnswer, cancellationToken)).AccessToken;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
            client.Dispose();
        if (_process is not null)
            await _process.DisposeAsync();
        if (_ownsFolder || !DataDirectory.StartsWith(_folder, StringComparison.Ordinal))
            Directory.Delete(_folder, recursive: true);
    }

    private async Task LaunchAsync(CancellationToken cancellationToken)
    {
        File.Delete(_readyFile);
        var settings = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["ASPNETCORE_URLS"] = _baseAddress?.GetLeftPart(UriPartial.Authority) ?? "http://127.0.0.1:0",
            ["CodeLab__DataDirectory"] = DataDirectory,
            ["CodeLab__ReadyFile"] = _readyFile,
            ["CodeLab__ParentProcessId"] = Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["CodeLab__RateLimits__Enabled"] = "false",
            ["CodeLab__Shutdown__BalancerSeconds"] = "0",
            ["CODELAB_ADMIN_USERNAME"] = AdminName,
            ["CODELAB_ADMIN_PASSWORD"] = AdminPassword,
        };
        foreach (var (name, value) in _options.Environment)
            settings[name] = value;
        _process = HostProcess.Start(settings, _options.Arguments, _options.WorkingDirectory ?? _folder);
        _baseAddress = new Uri(await _process.WaitForFileAsync(_readyFile, cancellationToken));
    }
}

/// <summary>How a test wants its server.</summary>
public sealed record CodeLabServerOptions
{
    /// <summary>Environment variables on top of the defaults; a null value takes a default away.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>(StringComparer.Ordinal);

    /// <summary>Command-line arguments.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Data folder; null = a new one, deleted at the end.</summary>
    public string? DataDirectory { get; init; }

    /// <summary>Working directory; null = a new empty one.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>The same options with more environment variables.</summary>
    public CodeLabServerOptions With(params (string Name, string? Value)[] variables)
    {
        var all = new Dictionary<string, string?>(Environment, StringComparer.Ordinal);
        foreach (var (name, value) in variables)
            all[name] = value;
        return this with { Environment = all };
    }
}
