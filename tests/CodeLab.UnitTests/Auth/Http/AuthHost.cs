using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using CodeLab.BuildingBlocks.Cluster;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Auth;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Setup;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>
/// The Auth module alone behind Kestrel on a free port, on SQLite in a folder of its own, or on a database of its own of the server named by
/// <c>CODELAB_TEST_POSTGRES</c>.
/// </summary>
internal sealed class AuthHost : IAsyncDisposable
{
    /// <summary>Name of the setting that fixes the address, for clients that compare it with the issuer.</summary>
    public const string Urls = "urls";

    /// <summary>Setting that asks for SQLite also where there is a PostgreSQL server.</summary>
    public static readonly (string Name, string Value) OnSqlite = ("database", "sqlite");

    public const string Password = "Correct-Horse-9-Battery";
    private readonly string _folder;
    private readonly bool _ownsFolder;
    private readonly string? _postgres;

    private AuthHost(WebApplication app, string folder, bool ownsFolder, string? postgres, StringWriter console)
    {
        (App, _folder, _ownsFolder, _postgres, Console) = (app, folder, ownsFolder, postgres, console);
        Client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
    }

    public WebApplication App { get; }

    public HttpClient Client { get; }

    public StringWriter Console { get; }

    public Database Database => App.Services.GetRequiredService<Database>();

    public static Task<AuthHost> StartAsync(params (string Name, string Value)[] settings) => StartAsync(null, null, settings);

    /// <summary>A host with an administrator named ada and no request limits.</summary>
    public static Task<AuthHost> StartReadyAsync(params (string Name, string Value)[] settings) => StartAsync(null, null, Ready(settings));

    public static (string, string)[] Ready(params (string Name, string Value)[] settings) =>
        [
            ("CODELAB_ADMIN_USERNAME", "ada"),
            ("CODELAB_ADMIN_PASSWORD", Password),
            ("CodeLab:RateLimits:Enabled", "false"),
            ("CodeLab:Auth:Clients:0:ClientId", "codelab-internal"),
            ("CodeLab:Auth:Clients:0:ClientSecret", "a-secret-of-the-tests-only"),
            ("CodeLab:Auth:Clients:0:Scopes:0", "api:admin"),
            ("CodeLab:Auth:Clients:0:Scopes:1", "api:read"),
            ("CodeLab:Auth:Clients:0:Scopes:2", "api:write"),
            .. settings,
        ];

    public static async Task<AuthHost> StartAsync(string? folder, TimeProvider? time, params (string Name, string Value)[] settings)
    {
        var ownsFolder = folder is null;
        folder ??= Directory.CreateTempSubdirectory("codelab-auth-").FullName;
        var console = new StringWriter();
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls(settings.LastOrDefault(s => s.Name == Urls).Value ?? "http://127.0.0.1:0");
        builder.Services.AddRoutingCore();
        // As the host reads bodies.
        builder.Services.ConfigureHttpJsonOptions(o =>
            o.SerializerOptions.PropertyNamingPolicy = System.Text.Json.JsonNamingPolicy.SnakeCaseLower
        );
        builder.Logging.ClearProviders();
        // Small keys: tests make many, and their size is not what is tested.
        builder.Configuration.AddInMemoryCollection([new("CodeLab:Auth:SigningKeyBits", "2048")]);
        // Named twice, the later one counts.
        foreach (var (name, value) in settings)
            builder.Configuration.AddInMemoryCollection([new(name, value)]);
        var wantsSqlite = settings.Contains(OnSqlite);
        var postgres = ownsFolder && !wantsSqlite ? await CreatePostgresAsync() : null;
        builder
            .Services.AddOptions<DatabaseOptions>()
            .Configure(o =>
            {
                o.DataDirectory = folder;
                if (postgres is not null)
                    (o.Provider, o.ConnectionString) = (DatabaseProvider.PostgreSql, postgres);
            });
        builder.Services.AddDatabase();
        builder.AddCluster();
        builder.Services.AddSingleton<StartupGate>();
        builder.Services.AddSingleton(new SetupConsole { Out = console });
        if (time is not null)
            builder.Services.AddSingleton(time);
        builder.AddAuthModule();
        var app = builder.Build();
        app.UseRouting();
        app.UseAuthModule();
        app.MapAuthModule();
        app.MapGet("/health", () => "healthy").AllowAnonymous();
        app.MapGet("/api/v1/any", () => "any").RequireAuthorization(Policies.SignedIn);
        app.MapGet("/api/v1/read", () => "read").RequireAuthorization(Policies.Read);
        app.MapGet("/api/v1/write", () => "write").RequireAuthorization(Policies.Write);
        app.MapGet("/api/v1/invoke", () => "invoke").RequireAuthorization(Policies.Invoke);
        app.MapGet("/hubs/any", () => "hub").RequireAuthorization(Policies.SignedIn);
        await app.StartAsync();
        try
        {
            foreach (var task in app.Services.GetServices<IStartupTask>().OrderBy(t => t.Order))
                await task.RunAsync(CancellationToken.None);
        }
        catch
        {
            await app.DisposeAsync();
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            if (ownsFolder)
                Directory.Delete(folder, recursive: true);
            if (postgres is not null)
                await DropPostgresAsync(postgres);
            throw;
        }
        app.Services.GetRequiredService<StartupGate>().Open();
        return new(app, folder, ownsFolder, postgres, console);
    }

    public async Task<Answer> TokenAsync(params (string Name, string Value)[] form)
    {
        using var content = new FormUrlEncodedContent(form.Select(f => KeyValuePair.Create(f.Name, f.Value)));
        return await Answer.ReadAsync(await Client.PostAsync("/oauth/token", content));
    }

    public Task<Answer> SignInAsync(string username = "ada", string password = Password, string client = "codelab-cli") =>
        TokenAsync(("grant_type", "password"), ("client_id", client), ("username", username), ("password", password));

    public Task<Answer> RefreshAsync(string token, string client = "codelab-cli") =>
        TokenAsync(("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token));

    public Task<Answer> ServiceAsync() =>
        TokenAsync(
            ("grant_type", "client_credentials"),
            ("client_id", "codelab-internal"),
            ("client_secret", "a-secret-of-the-tests-only")
        );

    public async Task<Answer> GetAsync(string path, string? token = null) => await SendAsync(HttpMethod.Get, path, token);

    public async Task<Answer> PostAsync(string path, string? token, JsonObject? body = null) =>
        await SendAsync(HttpMethod.Post, path, token, body);

    public async Task<Answer> PatchAsync(string path, string? token, JsonObject? body = null) =>
        await SendAsync(HttpMethod.Patch, path, token, body);

    public async Task<Answer> PutAsync(string path, string? token, JsonObject? body = null) =>
        await SendAsync(HttpMethod.Put, path, token, body);

    public async Task<Answer> DeleteAsync(string path, string? token) => await SendAsync(HttpMethod.Delete, path, token);

    /// <summary>Makes a user as the internal service does.</summary>
    public async Task<string> CreateUserAsync(string name, params string[] roles)
    {
        var service = (await ServiceAsync()).Text("access_token");
        var answer = await PostAsync(
            "/api/v1/admin/users",
            service,
            new JsonObject
            {
                ["username"] = name,
                ["email"] = $"{name}@example.org",
                ["password"] = Password,
                ["roles"] = new JsonArray([.. roles.Select(r => JsonValue.Create(r))]),
            }
        );
        Assert.Equal(HttpStatusCode.Created, answer.Status);
        return answer.Text("id");
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await App.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        if (_ownsFolder)
            Directory.Delete(_folder, recursive: true);
        if (_postgres is not null)
            await DropPostgresAsync(_postgres);
    }

    private async Task<Answer> SendAsync(HttpMethod method, string path, string? token, JsonObject? body = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (body is not null)
            request.Content = new StringContent(body.ToJsonString(), System.Text.Encoding.UTF8, "application/json");
        return await Answer.ReadAsync(await Client.SendAsync(request));
    }

    private static async Task<string?> CreatePostgresAsync()
    {
        if (Environment.GetEnvironmentVariable("CODELAB_TEST_POSTGRES") is not { Length: > 0 } server)
            return null;
        var name = "auth_" + Guid.NewGuid().ToString("N");
        await ExecuteAsync(server, $"CREATE DATABASE {name}");
        return new NpgsqlConnectionStringBuilder(server) { Database = name }.ToString();
    }

    private static async Task DropPostgresAsync(string database)
    {
        NpgsqlConnection.ClearAllPools();
        var name = new NpgsqlConnectionStringBuilder(database).Database;
        await ExecuteAsync(Environment.GetEnvironmentVariable("CODELAB_TEST_POSTGRES")!, $"DROP DATABASE {name} WITH (FORCE)");
    }

    private static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}

/// <summary>An answer read to its end.</summary>
internal sealed record Answer(HttpStatusCode Status, string Body, HttpResponseMessage Message)
{
    public JsonObject Json => JsonNode.Parse(Body)!.AsObject();

    public string Text(string member) => Json[member]?.ToString() ?? "";

    public string? Header(string name) =>
        Message.Headers.TryGetValues(name, out var values) ? string.Join(", ", values)
        : Message.Content.Headers.TryGetValues(name, out values) ? string.Join(", ", values)
        : null;

    public static async Task<Answer> ReadAsync(HttpResponseMessage message) =>
        new(message.StatusCode, await message.Content.ReadAsStringAsync(), message);
}
