using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Persistence;
using Microsoft.Extensions.Options;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace CodeLab.Modules.Auth.Clients;

/// <summary>
/// The clients, in memory: our own, those of the configuration, and those of the database, which every host re-reads
/// (<see cref="ClientWatch"/>). Where an id is registered twice, the configuration wins over the database.
/// </summary>
internal sealed class ClientRegistry
{
    public const string Ide = "codelab-flutter-app";
    public const string Cli = "codelab-cli";
    public const string Editor = "codelab-ide";

    /// <summary>Not a client: the name under which sign-ins of browsers are stored.</summary>
    public const string Browser = Auth.Browser.BrowserSession.ClientId;

    public const string DeviceGrant = "urn:ietf:params:oauth:grant-type:device_code";

    public static readonly FrozenSet<string> Reserved = FrozenSet.Create(Ide, Cli, Editor, Browser);

    /// <summary>Scopes there are.</summary>
    public static readonly string[] AllScopes =
    [
        Policies.Read,
        Policies.Write,
        Policies.Admin,
        Policies.Invoke,
        Scopes.OpenId,
        Scopes.Profile,
        Scopes.Email,
        Scopes.OfflineAccess,
    ];

    /// <summary>Grants a registered client may be given. The password grant is for our own alone.</summary>
    public static readonly string[] AllGrants =
    [
        GrantTypes.AuthorizationCode,
        GrantTypes.ClientCredentials,
        GrantTypes.RefreshToken,
        DeviceGrant,
    ];

    private static readonly string[] _userScopes = [Policies.Read, Policies.Write];
    private readonly FrozenDictionary<string, Client> _fixed;
    private volatile FrozenDictionary<string, Client> _clients;

    public ClientRegistry(IOptions<AuthOptions> options)
    {
        var all = OwnClients();
        all.AddRange(options.Value.Clients.Select(FromConfiguration));
        _fixed = all.ToFrozenDictionary(c => c.Id, StringComparer.Ordinal);
        _clients = _fixed;
    }

    public IEnumerable<Client> All => _clients.Values;

    public Client? Find(string? id) => id is null ? null : _clients.GetValueOrDefault(id);

    /// <summary>True when the id is taken by a client that cannot be changed here.</summary>
    public bool IsFixed(string id) => _fixed.ContainsKey(id) || Reserved.Contains(id);

    /// <summary>Reads the clients of the database again.</summary>
    public async Task ReadAsync(Database database, CancellationToken cancellationToken)
    {
        var stored = new List<Client>();
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            "SELECT id, name, secret_hash, grants, scopes, redirect_uris FROM auth_clients WHERE disabled_at IS NULL",
            null
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var scopes = Words(reader.GetString(4));
            var hash = reader.IsDBNull(2) ? null : reader.GetFieldValue<byte[]>(2);
            stored.Add(
                new(reader.GetString(0), hash, Words(reader.GetString(3)), scopes, Default(scopes))
                {
                    Name = reader.GetString(1),
                    RedirectUris = Lines(reader.GetString(5)),
                    Origin = ClientOrigin.Database,
                }
            );
        }
        _clients = _fixed.Values.Concat(stored.Where(c => !_fixed.ContainsKey(c.Id))).ToFrozenDictionary(c => c.Id, StringComparer.Ordinal);
    }

    public static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    public static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static List<Client> OwnClients()
    {
        string[] password = [GrantTypes.Password, GrantTypes.RefreshToken];
        string[] native = [GrantTypes.AuthorizationCode, DeviceGrant, GrantTypes.RefreshToken];
        string[] loopback = ["http://127.0.0.1/callback", "http://[::1]/callback"];
        string[] withModels = [.. _userScopes, Policies.Invoke];
        return
        [
            new(Ide, null, password, _userScopes, _userScopes) { Name = "CodeLab IDE", IsFirstParty = true },
            new(Cli, null, [.. password, GrantTypes.AuthorizationCode, DeviceGrant], AllScopes, _userScopes)
            {
                Name = "codelab",
                RedirectUris = loopback,
                IsFirstParty = true,
            },
            // For editor extensions that sign in by browser or device: never by password.
            new(Editor, null, native, AllScopes, withModels)
            {
                Name = "CodeLab for editors",
                RedirectUris = loopback,
                IsFirstParty = true,
            },
        ];
    }

    private static Client FromConfiguration(ClientOptions configured)
    {
        string[] scopes = configured.Scopes.Count > 0 ? [.. configured.Scopes.Distinct()] : _userScopes;
        string[] grants = configured.Grants.Count > 0 ? [.. configured.Grants.Distinct()] : [GrantTypes.ClientCredentials];
        var hash = configured.ClientSecret.Length == 0 ? null : SHA256.HashData(Encoding.UTF8.GetBytes(configured.ClientSecret));
        return new(configured.ClientId, hash, grants, scopes, Default(scopes))
        {
            Name = configured.Name.Length > 0 ? configured.Name : configured.ClientId,
            RedirectUris = configured.RedirectUris,
            IsFirstParty = configured.FirstParty,
            Origin = ClientOrigin.Configuration,
        };
    }

    // Signing somebody in and staying signed in are asked for by name (OpenID Connect Core §3.1.2.1, §11).
    private static string[] Default(string[] scopes) =>
        [.. scopes.Where(s => s is not (Scopes.OpenId or Scopes.Profile or Scopes.Email or Scopes.OfflineAccess))];
}
