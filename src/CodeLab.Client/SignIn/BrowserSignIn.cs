using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace CodeLab.Client.SignIn;

/// <summary>
/// Sign-in by the browser of this machine (RFC 8252): authorization code with PKCE, answered to a loopback address that this program listens
/// on for as long as it waits.
/// </summary>
public sealed class BrowserSignIn(OAuthClient oauth, ServerAddress server)
{
    private const int LongestRequest = 16 * 1024;
    private const string Path = "/callback";

    /// <summary>Signs in.</summary>
    /// <param name="scope">Scopes to ask for.</param>
    /// <param name="open">Opens the address in a browser, or shows it; called once.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="SignInRefusedException">The person or the server refused.</exception>
    public async Task<StoredTokens> SignInAsync(string scope, Func<Uri, Task> open, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(open);
        var verifier = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));
        var state = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var redirectUri = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}{Path}";
        var query =
            $"response_type=code&client_id={OAuthClient.ClientId}&redirect_uri={Uri.EscapeDataString(redirectUri)}"
            + $"&scope={Uri.EscapeDataString(scope)}&state={state}&code_challenge={challenge}&code_challenge_method=S256";
        await open(server.At("/oauth/authorize?" + query));
        var answer = await WaitAsync(listener, state, cancellationToken);
        if (answer.GetValueOrDefault("error") is { Length: > 0 } error)
        {
            var text = answer.GetValueOrDefault("error_description") is { Length: > 0 } description ? description : error;
            throw new SignInRefusedException(error, text);
        }
        return await oauth.RedeemCodeAsync(answer["code"], redirectUri, verifier, cancellationToken);
    }

    /// <summary>Waits for the one request with our state; anything else that knocks is told to go away.</summary>
    private static async Task<Dictionary<string, string>> WaitAsync(TcpListener listener, string state, CancellationToken cancellationToken)
    {
        while (true)
        {
            using var connection = await listener.AcceptTcpClientAsync(cancellationToken);
            // Browsers open connections in advance and say nothing on them: none may hold up the one that speaks.
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(TimeSpan.FromSeconds(2));
            try
            {
                await using var stream = connection.GetStream();
                var target = await ReadTargetAsync(stream, patience.Token);
                if (Parse(target, state) is { } answer)
                {
                    var done = answer.ContainsKey("code") ? "You are signed in." : "The sign-in was refused.";
                    await WriteAsync(stream, "200 OK", $"{done} You may close this page and go back to the terminal.", patience.Token);
                    return answer;
                }
                await WriteAsync(stream, "404 Not Found", "There is nothing here.", patience.Token);
            }
            catch (Exception fault)
                when (fault is IOException || (fault is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                // It hung up or said nothing: wait for the next.
            }
        }
    }

    private static async Task<string> ReadTargetAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        var buffer = new byte[LongestRequest];
        var length = 0;
        while (length < buffer.Length)
        {
            var read = await stream.ReadAsync(buffer.AsMemory(length), cancellationToken);
            if (read == 0)
                break;
            length += read;
            if (buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8) >= 0)
                break;
        }
        var line = Encoding.ASCII.GetString(buffer, 0, length).Split("\r\n")[0].Split(' ');
        return line is ["GET", var target, _] ? target : "";
    }

    private static Dictionary<string, string>? Parse(string target, string state)
    {
        if (!target.StartsWith(Path + "?", StringComparison.Ordinal))
            return null;
        var answer = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in target[(Path.Length + 1)..].Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var at = pair.IndexOf('=', StringComparison.Ordinal);
            if (at > 0)
                answer[Uri.UnescapeDataString(pair[..at])] = Uri.UnescapeDataString(pair[(at + 1)..].Replace('+', ' '));
        }
        var isOurs =
            answer.TryGetValue("state", out var given)
            && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(given), Encoding.ASCII.GetBytes(state));
        return isOurs && (answer.ContainsKey("code") || answer.ContainsKey("error")) ? answer : null;
    }

    private static async Task WriteAsync(NetworkStream stream, string status, string text, CancellationToken cancellationToken)
    {
        var body = Encoding.UTF8.GetBytes(
            $"<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>codelab</title></head><body><p>{text}</p></body></html>"
        );
        var head =
            $"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {body.Length}\r\nConnection: close\r\n"
            + "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head), cancellationToken);
        await stream.WriteAsync(body, cancellationToken);
    }
}
