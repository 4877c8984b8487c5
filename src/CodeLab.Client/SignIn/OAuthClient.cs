using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;

namespace CodeLab.Client.SignIn;

/// <summary>The token endpoint of a server (protocol.md §2.1), as the public client <c>codelab-cli</c>.</summary>
public sealed class OAuthClient(HttpClient http, ServerAddress server, TimeProvider time)
{
    /// <summary>The client id.</summary>
    public const string ClientId = "codelab-cli";

    /// <summary>Signs in with a name (or e-mail address) and a password.</summary>
    /// <exception cref="SignInRefusedException">The server refused.</exception>
    /// <exception cref="HttpRequestException">The server cannot be reached.</exception>
    public Task<StoredTokens> SignInAsync(string username, string password, CancellationToken cancellationToken = default) =>
        GrantAsync([new("grant_type", "password"), new("username", username), new("password", password)], username, cancellationToken);

    /// <summary>Begins the sign-in of a device (RFC 8628 §3.1).</summary>
    /// <exception cref="SignInRefusedException">The server refused.</exception>
    /// <exception cref="HttpRequestException">The server cannot be reached.</exception>
    public async Task<DeviceAuthorization> AuthorizeDeviceAsync(string scope, CancellationToken cancellationToken = default)
    {
        using var body = new FormUrlEncodedContent([new("client_id", ClientId), new("scope", scope)]);
        using var answer = await http.PostAsync(server.At("/oauth/device"), body, cancellationToken);
        if (!answer.IsSuccessStatusCode)
            throw await RefusalAsync(answer, cancellationToken);
        return await answer.Content.ReadFromJsonAsync(ProtocolJson.Default.DeviceAuthorization, cancellationToken)
            ?? throw new SignInRefusedException("server_error", "The server answered the sign-in with nothing.");
    }

    /// <summary>Asks for the tokens of a device; refused with <c>authorization_pending</c> until somebody has entered its code.</summary>
    /// <exception cref="SignInRefusedException">Not yet, or not at all.</exception>
    /// <exception cref="HttpRequestException">The server cannot be reached.</exception>
    public Task<StoredTokens> RedeemDeviceAsync(string deviceCode, CancellationToken cancellationToken = default) =>
        GrantAsync(
            [new("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), new("device_code", deviceCode)],
            username: null,
            cancellationToken
        );

    /// <summary>Trades an authorization code for tokens.</summary>
    /// <exception cref="SignInRefusedException">The server refused.</exception>
    /// <exception cref="HttpRequestException">The server cannot be reached.</exception>
    public Task<StoredTokens> RedeemCodeAsync(
        string code,
        string redirectUri,
        string verifier,
        CancellationToken cancellationToken = default
    ) =>
        GrantAsync(
            [new("grant_type", "authorization_code"), new("code", code), new("redirect_uri", redirectUri), new("code_verifier", verifier)],
            username: null,
            cancellationToken
        );

    /// <summary>Name of the person who signed in elsewhere; null when the server does not tell.</summary>
    /// <exception cref="HttpRequestException">The server cannot be reached.</exception>
    public async Task<string?> WhoAsync(StoredTokens tokens, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, server.At("/api/v1/me"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", tokens.AccessToken);
        using var answer = await http.SendAsync(request, cancellationToken);
        if (!answer.IsSuccessStatusCode)
            return null;
        return (await answer.Content.ReadFromJsonAsync(ProtocolJson.Default.CallerInfo, cancellationToken))?.Username;
    }

    /// <summary>Trades a refresh token for new tokens; the old one is spent.</summary>
    /// <exception cref="SignInRefusedException">The server refused.</exception>
    /// <exception cref="HttpRequestException">The server cannot be reached.</exception>
    public async Task<StoredTokens> RefreshAsync(StoredTokens tokens, CancellationToken cancellationToken = default)
    {
        var refresh =
            tokens.RefreshToken ?? throw new SignInRefusedException("invalid_grant", "The server gave no refresh token. Sign in again.");
        var renewed = await GrantAsync(
            [new("grant_type", "refresh_token"), new("refresh_token", refresh)],
            tokens.Username,
            cancellationToken
        );
        return renewed.RefreshToken is null ? renewed with { RefreshToken = refresh } : renewed;
    }

    /// <summary>Revokes a refresh token and with it the sign-in (RFC 7009).</summary>
    /// <returns>False when the server did not confirm it.</returns>
    /// <exception cref="HttpRequestException">The server cannot be reached.</exception>
    public async Task<bool> RevokeAsync(string token, CancellationToken cancellationToken = default)
    {
        using var body = new FormUrlEncodedContent([
            new("client_id", ClientId),
            new("token", token),
            new("token_type_hint", "refresh_token"),
        ]);
        using var answer = await http.PostAsync(server.At("/oauth/revoke"), body, cancellationToken);
        return answer.IsSuccessStatusCode;
    }

    private async Task<StoredTokens> GrantAsync(KeyValuePair<string, string>[] form, string? username, CancellationToken cancellationToken)
    {
        using var body = new FormUrlEncodedContent([.. form, new("client_id", ClientId)]);
        using var answer = await http.PostAsync(server.At("/oauth/token"), body, cancellationToken);
        if (!answer.IsSuccessStatusCode)
            throw await RefusalAsync(answer, cancellationToken);

        var tokens =
            await answer.Content.ReadFromJsonAsync(ProtocolJson.Default.TokenAnswer, cancellationToken)
            ?? throw new SignInRefusedException("server_error", "The server answered the sign-in with nothing.");
        return new StoredTokens
        {
            AccessToken = tokens.AccessToken,
            RefreshToken = tokens.RefreshToken,
            ExpiresAt = time.GetUtcNow().AddSeconds(tokens.ExpiresIn),
            Username = username,
            Scope = tokens.Scope,
        };
    }

    private async Task<Exception> RefusalAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        TokenError? error = null;
        try
        {
            error = await answer.Content.ReadFromJsonAsync(ProtocolJson.Default.TokenError, cancellationToken);
        }
        catch (JsonException)
        {
            // A proxy's error page: the status below says what there is to say.
        }
        if (error is null && answer.StatusCode >= HttpStatusCode.InternalServerError)
            return new HttpRequestException($"{server} answered {(int)answer.StatusCode} to the sign-in.", null, answer.StatusCode);
        return new SignInRefusedException(
            error?.Error ?? "server_error",
            error?.ErrorDescription ?? $"{server} refused the sign-in with status {(int)answer.StatusCode}."
        );
    }
}
