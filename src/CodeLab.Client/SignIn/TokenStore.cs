using System.Text.Json;
using CodeLab.Client.Storage;

namespace CodeLab.Client.SignIn;

/// <summary>A sign-in to one server.</summary>
public sealed record StoredTokens
{
    /// <summary>Access token.</summary>
    public required string AccessToken { get; init; }

    /// <summary>Refresh token, used once; absent when the server gave none.</summary>
    public string? RefreshToken { get; init; }

    /// <summary>When the access token ends, UTC.</summary>
    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Name the person signed in with.</summary>
    public string? Username { get; init; }

    /// <summary>Scopes granted.</summary>
    public string? Scope { get; init; }
}

internal sealed record TokenFile
{
    public string? LastServer { get; init; }
    public Dictionary<string, StoredTokens> Servers { get; init; } = new(StringComparer.Ordinal);
}

/// <summary>
/// The sign-ins of this person, by server, in one file that only its owner may read. Whoever changes it holds the lock, so that two
/// programs never spend the same refresh token (the server would take the second for theft, security.md G1).
/// </summary>
public sealed class TokenStore(ClientDataDirectory data, TimeProvider time)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly string _path = data.Combine("tokens.json");

    /// <summary>The sign-in to a server, or null.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public async Task<StoredTokens?> FindAsync(string server, CancellationToken cancellationToken = default) =>
        (await ReadAsync(cancellationToken)).Servers.GetValueOrDefault(server);

    /// <summary>The server last signed in to, or null.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public async Task<string?> LastServerAsync(CancellationToken cancellationToken = default) =>
        (await ReadAsync(cancellationToken)).LastServer;

    /// <summary>
    /// Changes the sign-in to a server while no other process can: <paramref name="change"/> gets what is stored now and answers what is
    /// to be stored, null to forget it.
    /// </summary>
    /// <exception cref="TimeoutException">Another process held the lock for a minute.</exception>
    public async Task<StoredTokens?> ChangeAsync(
        string server,
        Func<StoredTokens?, Task<StoredTokens?>> change,
        CancellationToken cancellationToken = default
    )
    {
        await using var held = await OwnerOnly.LockAsync(_path + ".lock", Patience, time, cancellationToken);
        var before = (await ReadAsync(cancellationToken)).Servers.GetValueOrDefault(server);
        var after = await change(before);
        if (ReferenceEquals(before, after))
            return after;

        var file = await ReadAsync(cancellationToken);
        if (after is null)
            file.Servers.Remove(server);
        else
            file.Servers[server] = after;
        var last =
            after is not null ? server
            : file.LastServer == server ? null
            : file.LastServer;
        var bytes = JsonSerializer.SerializeToUtf8Bytes(file with { LastServer = last }, ClientJson.Default.TokenFile);
        // The refresh token that stood here is spent: what replaces it is written even if the caller leaves.
        await OwnerOnly.WriteAsync(_path, bytes, CancellationToken.None);
        return after;
    }

    private async Task<TokenFile> ReadAsync(CancellationToken cancellationToken)
    {
        byte[] bytes;
        try
        {
            bytes = await File.ReadAllBytesAsync(_path, cancellationToken);
        }
        catch (FileNotFoundException)
        {
            return new TokenFile();
        }
        try
        {
            return JsonSerializer.Deserialize(bytes, ClientJson.Default.TokenFile) ?? new TokenFile();
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException($"{_path} is damaged ({fault.Message}). Delete it and sign in again.", fault);
        }
    }
}
