using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Clients;

/// <summary>An OAuth client: an application that asks for tokens.</summary>
/// <param name="Id">Client id.</param>
/// <param name="SecretHash">SHA-256 of its secret; null for a public client. Secrets are long and random, so a slow hash would add nothing.</param>
/// <param name="Grants">Grants it may use.</param>
/// <param name="Scopes">Scopes it may be given.</param>
/// <param name="DefaultScopes">Scopes it gets when it asks for none.</param>
internal sealed record Client(
    string Id,
    byte[]? SecretHash,
    IReadOnlyList<string> Grants,
    IReadOnlyList<string> Scopes,
    IReadOnlyList<string> DefaultScopes
)
{
    public bool SecretIs(string secret) =>
        SecretHash is not null && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(secret)), SecretHash);
}

/// <summary>
/// The clients, in memory: the first-party ones and those of the configuration. Nothing is seeded into the database, so a start costs
/// nothing and a client removed from the configuration is gone at the next start.
/// </summary>
internal sealed class ClientRegistry
{
    public const string Ide = "codelab-flutter-app";
    public const string Cli = "codelab-cli";

    public static readonly FrozenSet<string> FirstParty = FrozenSet.Create(Ide, Cli);

    private readonly FrozenDictionary<string, Client> _clients;

    public ClientRegistry(IOptions<AuthOptions> options)
    {
        // Ceiling of the password grant: no administration, whatever the user's role (security.md §4).
        string[] user = ["api:read", "api:write"];
        string[] interactive = ["password", "refresh_token"];
        var all = new List<Client> { new(Ide, null, interactive, user, user), new(Cli, null, interactive, [.. user, "llm:invoke"], user) };
        foreach (var configured in options.Value.Clients)
        {
            var scopes = configured.Scopes.Count > 0 ? configured.Scopes.Distinct().ToArray() : user;
            var hash = SHA256.HashData(Encoding.UTF8.GetBytes(configured.ClientSecret));
            all.Add(new(configured.ClientId, hash, ["client_credentials"], scopes, scopes));
        }
        _clients = all.ToFrozenDictionary(c => c.Id, StringComparer.Ordinal);
    }

    public IEnumerable<Client> All => _clients.Values;

    public Client? Find(string? id) => id is null ? null : _clients.GetValueOrDefault(id);
}
