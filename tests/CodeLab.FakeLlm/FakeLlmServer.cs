using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;

namespace CodeLab.FakeLlm;

/// <summary>
/// A model server that does what a script says, in the wire formats of OpenAI, Anthropic and Ollama on one port, and remembers what it was asked.
/// Safe for use by several callers at once; conversations are told apart by <c>[[script:NAME]]</c> in a user message.
/// </summary>
public sealed class FakeLlmServer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly WebApplication _app;
    private readonly FakeLlmState _state;
    private int _disposed;

    private FakeLlmServer(WebApplication app, FakeLlmState state, Uri baseAddress)
    {
        _app = app;
        _state = state;
        BaseAddress = baseAddress;
    }

    /// <summary>Address of the server without path.</summary>
    public Uri BaseAddress { get; }

    /// <summary>For <c>OPENAI_BASE_URL</c>: ends in <c>/v1</c>.</summary>
    public string OpenAiBaseUrl => AnthropicBaseUrl + "/v1";

    /// <summary>For <c>ANTHROPIC_BASE_URL</c>: without <c>/v1</c>.</summary>
    public string AnthropicBaseUrl => BaseAddress.GetLeftPart(UriPartial.Authority);

    /// <summary>For <c>OLLAMA_BASE_URL</c>.</summary>
    public string OllamaBaseUrl => AnthropicBaseUrl;

    /// <summary>For an Azure OpenAI endpoint (<c>/openai/deployments/…</c> or <c>/openai/v1</c>).</summary>
    public string AzureBaseUrl => AnthropicBaseUrl;

    /// <summary>Every request, oldest first, whatever its path.</summary>
    public IReadOnlyList<RecordedRequest> Requests => _state.Log.All;

    /// <summary>Well-formed chat requests of any dialect, without routing calls.</summary>
    public IReadOnlyList<RecordedRequest> ChatRequests => [.. Requests.Where(IsChat)];

    /// <summary>Routing calls of the orchestrator.</summary>
    public IReadOnlyList<RecordedRequest> RoutingRequests => [.. Requests.Where(r => r.IsRouting)];

    /// <summary>The newest chat request that is no routing call.</summary>
    /// <exception cref="InvalidOperationException">There was none.</exception>
    public RecordedRequest LastRequest =>
        ChatRequests is [.., var last] ? last : throw new InvalidOperationException("The fake model was not asked anything yet.");

    /// <summary>Starts a server on 127.0.0.1.</summary>
    public static async Task<FakeLlmServer> StartAsync(FakeLlmOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new FakeLlmOptions();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(2));
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, options.Port);
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
        });

        var app = builder.Build();
        var state = new FakeLlmState(options);
        app.Use(new RequestRecorder(state).InvokeAsync);
        app.UseRouting();
        ControlEndpoints.Map(app, state);
        OpenAiEndpoints.Map(app, state);
        AnthropicEndpoints.Map(app, state);
        OllamaEndpoints.Map(app, state);
        app.MapFallback(http => FakeLlmState.AnswerAsync(http, 404, "404 page not found", "text/plain"));
        await app.StartAsync(cancellationToken);

        var address = app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.First();
        return new FakeLlmServer(app, state, new Uri(address));
    }

    /// <summary>Replaces the default script: that of conversations without marker.</summary>
    public void Reply(Action<ScriptBuilder> write) => Load(Written(write, null), asDefault: true);

    /// <summary>Adds or replaces the script of conversations with <c>[[script:NAME]]</c> in a user message.</summary>
    public void Script(string name, Action<ScriptBuilder> write) => Load(Written(write, name), asDefault: false);

    /// <summary>Adds a script under its name; without name, or when asked, it becomes the default one.</summary>
    public void Load(Script script, bool asDefault = false) => _state.Book.Add(script, asDefault);

    /// <summary>Adds the scripts of a file or folder; the first becomes the default one when asked.</summary>
    public void Load(string path, bool asDefault = false)
    {
        foreach (var script in ScriptFile.Load(path))
        {
            Load(script, asDefault);
            asDefault = false;
        }
    }

    /// <summary>Makes a shipped or added script the default one.</summary>
    /// <exception cref="ArgumentException">No script has this name.</exception>
    public void Use(string script) => _state.Book.Use(script);

    /// <summary>Agent named to routing requests (default <c>coder</c>); null: routing requests take replies like any other.</summary>
    public void Route(string? agent) => _state.Book.Route = agent;

    /// <summary>Closes a gate again. A gate is closed from its first mention, so this is needed only after <see cref="Release"/>.</summary>
    public void Hold(string gate) => _state.Gates.Close(gate);

    /// <summary>Opens a gate: those who wait and all who come later go through.</summary>
    public void Release(string gate) => _state.Gates.Release(gate);

    /// <summary>Waits until that many answers have come to the gate since start or reset.</summary>
    /// <exception cref="TimeoutException">Not within the time (default 60 s).</exception>
    public Task WaitForGateAsync(string gate, int count = 1, TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        _state.Gates.ReachedAsync(gate, count).WaitAsync(timeout ?? Patience, cancellationToken);

    /// <summary>Waits for the <paramref name="count"/>-th request that is wanted (default: chat requests that are no routing calls).</summary>
    /// <exception cref="TimeoutException">Not within the time (default 60 s).</exception>
    public Task<RecordedRequest> WaitForRequestAsync(
        Func<RecordedRequest, bool>? wanted = null,
        int count = 1,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default
    ) => _state.Log.WaitAsync(wanted ?? IsChat, count).WaitAsync(timeout ?? Patience, cancellationToken);

    /// <summary>Chat requests for a model, routing calls included.</summary>
    public int CountFor(string model) => Requests.Count(r => r.Model == model);

    /// <summary>Forgets requests, scripts (but the shipped ones), gates and routing: as just started. Waiting answers go on.</summary>
    public void Reset() => _state.Reset();

    /// <summary>Completes when the process is told to stop (for the program).</summary>
    internal Task WaitForShutdownAsync(CancellationToken cancellationToken) => _app.WaitForShutdownAsync(cancellationToken);

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 1)
            return;
        await _state.Stopping.CancelAsync();
        using (var soon = new CancellationTokenSource(TimeSpan.FromSeconds(2)))
            await _app.StopAsync(soon.Token);
        await _app.DisposeAsync();
        _state.Dispose();
    }

    private static Script Written(Action<ScriptBuilder> write, string? name)
    {
        var builder = new ScriptBuilder();
        write(builder);
        return builder.Build(name);
    }

    private static bool IsChat(RecordedRequest request) => request.Chat is { IsRouting: false };
}
