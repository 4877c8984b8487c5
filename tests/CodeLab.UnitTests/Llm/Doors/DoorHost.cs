using System.Net.Http.Headers;
using System.Security.Claims;
using System.Text.Encodings.Web;
using CodeLab.BuildingBlocks.Cluster;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.FakeLlm;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Llm;
using CodeLab.Modules.Llm.Persistence;
using CodeLab.Modules.Llm.Usage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Xunit;

namespace CodeLab.UnitTests.Llm.Doors;

/// <summary>The module's doors on a port of their own, over SQLite in a folder of their own. The key <c>test</c> may call models, <c>admin</c> all.</summary>
internal sealed class DoorHost : IAsyncDisposable
{
    public const string Key = "test";

    private readonly WebApplication _app;
    private readonly DirectoryInfo _folder;
    private readonly List<HttpClient> _clients = [];

    private DoorHost(WebApplication app, DirectoryInfo folder)
    {
        (_app, _folder) = (app, folder);
        var address = app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.First();
        Address = new Uri(address);
    }

    public Uri Address { get; }

    public IServiceProvider Services => _app.Services;

    /// <summary>The doors with one fake model server as their only provider.</summary>
    public static Task<DoorHost> StartAsync(string kind, FakeLlmServer fake, params (string Name, string Value)[] settings) =>
        StartAsync([.. LlmHost.Settings(kind, fake), .. settings]);

    public static async Task<DoorHost> StartAsync(params (string Name, string Value)[] settings)
    {
        var folder = Directory.CreateTempSubdirectory("codelab-doors-");
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                ["CodeLab:Llm:Ollama:Probe"] = "false",
                ["CodeLab:Llm:Demo:WordDelayMilliseconds"] = "0",
                ["CodeLab:Llm:Retries:DelayMilliseconds"] = "1",
                ["CodeLab:RateLimits:Enabled"] = "false",
            }
        );
        builder.Configuration.AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Name, (string?)s.Value)));
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder
            .Services.AddOptions<DatabaseOptions>()
            .Bind(builder.Configuration.GetSection(DatabaseOptions.Section))
            .Configure(o => o.DataDirectory = folder.FullName);
        builder.Services.AddDatabase();
        builder.AddCluster();
        builder.Services.AddRouting();
        builder.Services.AddAuthentication(TestKeys.Scheme).AddScheme<AuthenticationSchemeOptions, TestKeys>(TestKeys.Scheme, null);
        builder
            .Services.AddAuthorizationBuilder()
            .AddPolicy(Policies.Read, p => p.RequireAuthenticatedUser())
            .AddPolicy(Policies.Invoke, p => p.RequireClaim("scope", "llm:invoke"))
            .AddPolicy(Policies.Admin, p => p.RequireClaim("role", Roles.Admin));
        builder.AddLlmModule();
        var app = builder.Build();
        foreach (var task in app.Services.GetServices<IStartupTask>())
            await task.RunAsync(TestContext.Current.CancellationToken);
        app.UseRouting();
        app.UseLlmDoors();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapLlmModule();
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new DoorHost(app, folder);
    }

    public HttpClient CreateClient(string? key = Key)
    {
        var client = new HttpClient { BaseAddress = Address };
        if (key is not null)
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        _clients.Add(client);
        return client;
    }

    public async Task<HttpResponseMessage> PostAsync(string path, string body, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, null, "application/json") };
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return await CreateClient().SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
    }

    /// <summary>Rows of the ledger, once there are that many.</summary>
    public async Task<List<UsageEntry>> LedgerAsync(int count)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(30));
        while (true)
        {
            await using var scope = Services.CreateAsyncScope();
            var rows = await scope.ServiceProvider.GetRequiredService<LlmDbContext>().Usage.OrderBy(u => u.Id).ToListAsync(patience.Token);
            if (rows.Count >= count)
                return rows;
            await Task.Delay(20, patience.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
            client.Dispose();
        using (var soon = new CancellationTokenSource(TimeSpan.FromSeconds(10)))
            await _app.StopAsync(soon.Token);
        await _app.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        _folder.Delete(recursive: true);
    }

    private sealed class TestKeys(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        public new const string Scheme = "Test";

        protected override Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            var key = Request.Headers.Authorization.ToString().Replace("Bearer ", "", StringComparison.Ordinal);
            List<Claim> claims = key switch
            {
                Key => [new("sub", "ada"), new("role", Roles.Developer), new("scope", "llm:invoke")],
                "admin" => [new("sub", "root"), new("role", Roles.Admin), new("scope", "llm:invoke")],
                "reader" => [new("sub", "eve"), new("role", Roles.Developer), new("scope", "api:read")],
                _ => [],
            };
            if (claims.Count == 0)
                return Task.FromResult(AuthenticateResult.NoResult());
            var identity = new ClaimsIdentity(claims, Scheme, "name", "role");
            return Task.FromResult(AuthenticateResult.Success(new(new ClaimsPrincipal(identity), Scheme)));
        }
    }
}
