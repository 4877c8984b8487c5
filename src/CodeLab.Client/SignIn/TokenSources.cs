namespace CodeLab.Client.SignIn;

/// <summary>Where requests get their access token.</summary>
public interface ITokenSource
{
    /// <summary>A token that is good for at least the next half minute.</summary>
    /// <exception cref="NotSignedInException">The person has to sign in.</exception>
    Task<string> GetAsync(CancellationToken cancellationToken = default);

    /// <summary>Says that the server refused a token, so that the next one is a new one.</summary>
    void Refused(string accessToken);
}

/// <summary>Tokens from the store, refreshed before they end. Safe across threads and processes.</summary>
public sealed class StoredTokenSource(TokenStore store, OAuthClient oauth, ServerAddress server, TimeProvider time) : ITokenSource
{
    /// <summary>A token that ends sooner than this is refreshed first.</summary>
    internal static readonly TimeSpan Margin = TimeSpan.FromSeconds(60);

    private volatile string? _refused;

    /// <inheritdoc/>
    public void Refused(string accessToken) => _refused = accessToken;

    /// <inheritdoc/>
    public async Task<string> GetAsync(CancellationToken cancellationToken = default)
    {
        var tokens = await store.FindAsync(server.Text, cancellationToken);
        if (tokens is not null && IsGood(tokens))
            return tokens.AccessToken;

        string? why = null;
        tokens = await store.ChangeAsync(
            server.Text,
            async current =>
            {
                // Another process may have refreshed while this one waited for the lock.
                if (current is null || IsGood(current))
                    return current;
                try
                {
                    return await oauth.RefreshAsync(current, cancellationToken);
                }
                catch (SignInRefusedException refusal) when (refusal.Error is "invalid_grant" or "invalid_client" or "unauthorized_client")
                {
                    why = $"The sign-in to {server} has ended ({refusal.Message}).";
                    return null;
                }
            },
            cancellationToken
        );
        return tokens?.AccessToken ?? throw new NotSignedInException(server.Text, why ?? $"Not signed in to {server}.");
    }

    private bool IsGood(StoredTokens tokens) =>
        tokens.ExpiresAt - Margin > time.GetUtcNow() && !string.Equals(tokens.AccessToken, _refused, StringComparison.Ordinal);
}

/// <summary>
/// Tokens by a password that the program itself holds, kept in memory only: for a host the program started and for nobody else.
/// </summary>
public sealed class PasswordTokenSource(OAuthClient oauth, string server, string username, string password, TimeProvider time)
    : ITokenSource,
        IDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private StoredTokens? _tokens;

    /// <inheritdoc/>
    public void Refused(string accessToken)
    {
        if (_tokens is { } tokens && string.Equals(tokens.AccessToken, accessToken, StringComparison.Ordinal))
            _tokens = tokens with { ExpiresAt = DateTimeOffset.MinValue };
    }

    /// <inheritdoc/>
    public async Task<string> GetAsync(CancellationToken cancellationToken = default)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (_tokens is { } tokens && tokens.ExpiresAt - StoredTokenSource.Margin > time.GetUtcNow())
                return tokens.AccessToken;
            _tokens = await RenewAsync(cancellationToken);
            return _tokens.AccessToken;
        }
        catch (SignInRefusedException refusal)
        {
            throw new NotSignedInException(server, refusal.Message);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _gate.Dispose();

    private async Task<StoredTokens> RenewAsync(CancellationToken cancellationToken)
    {
        if (_tokens?.RefreshToken is not null)
        {
            try
            {
                return await oauth.RefreshAsync(_tokens, cancellationToken);
            }
            catch (SignInRefusedException)
            {
                // The refresh token has ended; the password has not.
            }
        }
        return await oauth.SignInAsync(username, password, cancellationToken);
    }
}
