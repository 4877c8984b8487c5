using System.Net;
using System.Net.Http.Headers;
using System.Text;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Host;
using CodeLab.Modules.Auth.AccessKeys;
using CodeLab.Modules.Auth.Tokens;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CodeLab.IntegrationTests.Access;

/// <summary>
/// Every route of the real host, called as everybody there is, against the table of who may (security.md §6, G3). A route without a row fails
/// the test: nobody adds a door without saying who may open it.
/// </summary>
public sealed class RouteMatrixTests(FurnishedHost host) : IClassFixture<FurnishedHost>
{
    [Fact]
    public void Every_route_has_a_row_and_every_row_a_route()
    {
        var routes = host.Routes.ToDictionary(r => r.Name, r => r.Policy, StringComparer.Ordinal);
        var missing = routes.Keys.Except(RouteMatrix.Rows.Keys).Order(StringComparer.Ordinal).ToArray();
        var gone = RouteMatrix.Rows.Keys.Except(routes.Keys).Order(StringComparer.Ordinal).ToArray();

        Assert.True(
            missing.Length == 0,
            "These routes have no row: add one each to tests/CodeLab.IntegrationTests/Access/routes.txt, with the rule "
                + "that says who may call it (what the route declares stands behind it):\n"
                + string.Join('\n', missing.Select(m => $"  {m}   declares {routes[m]}"))
        );
        Assert.True(gone.Length == 0, "These rows have no route any more: remove them from routes.txt:\n  " + string.Join("\n  ", gone));
    }

    [Theory]
    [InlineData(Caller.Anonymous)]
    [InlineData(Caller.Disabled)]
    [InlineData(Caller.Other)]
    [InlineData(Caller.Viewer)]
    [InlineData(Caller.Lead)]
    [InlineData(Caller.Key)]
    [InlineData(Caller.Owner)]
    [InlineData(Caller.Admin)]
    public async Task Every_route_answers_as_the_table_says(Caller caller)
    {
        var wrong = new List<string>();
        foreach (var route in host.Routes)
        {
            if (!RouteMatrix.Rows.TryGetValue(route.Name, out var rule))
                continue;
            var expected = RouteMatrix.Expected(rule, caller);
            var status = await host.CallAsync(route, rule, caller);
            if (!RouteMatrix.Fits(expected, status))
                wrong.Add($"{route.Name} ({rule}): {(int)status}, not {expected}");
        }

        Assert.True(wrong.Count == 0, $"As {caller}:\n  " + string.Join("\n  ", wrong));
    }
}

/// <summary>Who calls.</summary>
public enum Caller
{
    Anonymous,

    /// <summary>A developer whose session the routes are called with.</summary>
    Owner,

    /// <summary>Another developer.</summary>
    Other,
    Viewer,

    /// <summary>A lead who leads no team of the owner.</summary>
    Lead,
    Admin,

    /// <summary>A developer who was disabled, with the token from before.</summary>
    Disabled,

    /// <summary>The owner, by an access key with all scopes a developer may give.</summary>
    Key,
}

/// <summary>A route of the host.</summary>
/// <param name="Name">Method and pattern.</param>
/// <param name="Method">Method.</param>
/// <param name="Pattern">Pattern, with a slash before it.</param>
/// <param name="Policy">What it declares.</param>
public sealed record Route(string Name, string Method, string Pattern, string Policy);

/// <summary>The real host in this process, with one user of each kind.</summary>
public sealed class FurnishedHost : IAsyncLifetime
{
    private const string Password = "Correct-Horse-7-Battery";
    private const string Scopes = "api:admin api:read api:write llm:invoke openid";
    private const string Nothing = "00000000-0000-4000-8000-000000000000";
    private readonly string _folder = Directory.CreateTempSubdirectory("codelab-matrix-").FullName;
    private readonly Dictionary<Caller, UserSnapshot> _users = [];
    private WebApplication _app = null!;
    private HttpClient _client = null!;
    private string _key = "";
    private string _disabled = "";

    public IReadOnlyList<Route> Routes { get; private set; } = [];

    public async ValueTask InitializeAsync()
    {
        var builder = HostSetup.CreateBuilder([
            "--urls=http://127.0.0.1:0",
            "--CodeLab:DataDirectory=" + _folder,
            "--CodeLab:RateLimits:Enabled=false",
            "--CodeLab:Auth:SigningKeyBits=2048",
            "--CodeLab:Logging:Level=Error",
            "--CodeLab:Shutdown:BalancerSeconds=0",
            "--CODELAB_ADMIN_USERNAME=admin",
            "--CODELAB_ADMIN_PASSWORD=" + Password,
        ]);
        _app = builder.Build();
        _app.UseCodeLab();
        await _app.StartAsync();
        await _app.Services.GetRequiredService<StartupGate>().Opened.WaitAsync(TimeSpan.FromSeconds(120));
        _client = new(new HttpClientHandler { AllowAutoRedirect = false, UseCookies = false })
        {
            BaseAddress = new Uri(_app.Urls.First()),
            Timeout = TimeSpan.FromSeconds(100),
        };
        Routes = [.. _app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().SelectMany(Name)];
        await FurnishAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Calls a route; sessions it names are the owner's, other things do not exist.</summary>
    internal async Task<HttpStatusCode> CallAsync(Route route, Rule rule, Caller caller)
    {
        var subject = rule is Rule.OwnRead or Rule.OwnWrite ? await NewSessionAsync() : Nothing;
        var path = string.Concat(
            route.Pattern.Split('{', '}').Select((part, i) => i % 2 == 0 ? part : RouteMatrix.ParameterValue(part, subject))
        );
        using var request = new HttpRequestMessage(new HttpMethod(route.Method), path);
        if (await TokenAsync(caller) is { } token)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (route.Method is not ("GET" or "HEAD" or "DELETE"))
            // Pages take forms, and refuse anything else before they ask who it is.
            request.Content = rule is Rule.Browser or Rule.Open
                ? new FormUrlEncodedContent([])
                : new StringContent("{}", Encoding.UTF8, "application/json");
        using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return response.StatusCode;
    }

    private async Task<string> NewSessionAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/sessions");
        request.Headers.Authorization = new("Bearer", await TokenAsync(Caller.Owner));
        using var response = await _client.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, body);
        return System.Text.Json.Nodes.JsonNode.Parse(body)!["id"]!.GetValue<string>();
    }

    /// <summary>A token of a new sign-in with every scope: so it is roles that are judged, and a route that ends a sign-in harms no other call.</summary>
    private async Task<string?> TokenAsync(Caller caller)
    {
        switch (caller)
        {
            case Caller.Anonymous:
                return null;
            case Caller.Key:
                return _key;
            case Caller.Disabled when _disabled.Length > 0:
                return _disabled;
        }
        var user = _users[caller];
        var started = await _app
            .Services.GetRequiredService<SignIns>()
            .StartAsync(new(user, "codelab-cli", Scopes, "test", new("127.0.0.1", "matrix")), CancellationToken.None);
        return _app.Services.GetRequiredService<AccessTokens>().Create(user.Id, "codelab-cli", Scopes, user.Roles, started.Id);
    }

    private async Task FurnishAsync()
    {
        var accounts = _app.Services.GetRequiredService<Accounts>();
        var signIn = _app.Services.GetRequiredService<PasswordSignIn>();
        (Caller, string)[] people =
        [
            (Caller.Owner, "developer"),
            (Caller.Other, "developer"),
            (Caller.Viewer, "viewer"),
            (Caller.Lead, "lead"),
            (Caller.Admin, "admin"),
            (Caller.Disabled, "developer"),
        ];
        foreach (var (caller, role) in people)
        {
            var name = caller.ToString().ToLowerInvariant();
            await accounts.CreateAsync(new(name + "-x", name + "@example.org", Password, [role]), guard: null, CancellationToken.None);
            var outcome = await signIn.TryAsync(name + "-x", Password, CancellationToken.None);
            _users[caller] = Assert.IsType<SignInOutcome.Succeeded>(outcome).User;
        }
        _disabled = (await TokenAsync(Caller.Disabled))!;
        await _app.Services.GetRequiredService<AccountChanges>().DisableAsync(_users[Caller.Disabled].Id, CancellationToken.None);
        var keys = _app.Services.GetRequiredService<AccessKeyStore>();
        var key = await keys.CreateAsync(
            _users[Caller.Owner].Id,
            new("matrix"),
            ["api:read", "api:write", "llm:invoke"],
            CancellationToken.None
        );
        _key = key.Value!.Key!;
    }

    private static IEnumerable<Route> Name(RouteEndpoint endpoint)
    {
        var pattern = "/" + endpoint.RoutePattern.RawText?.Trim('/');
        var policy = endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null
            ? "AllowAnonymous"
            : string.Join(" and ", endpoint.Metadata.GetOrderedMetadata<IAuthorizeData>().Select(a => a.Policy).OfType<string>());
        var methods = endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? [];
        // A hub's endpoints name no method; negotiation is a POST.
        string[] usual = [pattern.EndsWith("/negotiate", StringComparison.Ordinal) ? "POST" : "GET"];
        return (methods.Count == 0 ? usual : methods).Select(m => new Route($"{m} {pattern}", m, pattern, policy));
    }
}
