using CodeLab.Protocol.Rest;

namespace CodeLab.Client.SignIn;

/// <summary>
/// Sign-in of a terminal without a browser (RFC 8628): the person types a code at a browser anywhere, and this program asks until they did.
/// </summary>
public sealed class DeviceSignIn(OAuthClient oauth, TimeProvider time)
{
    // RFC 8628 §3.5: the wait grows by this with every slow_down, and whenever the server cannot be reached.
    private static readonly TimeSpan Slower = TimeSpan.FromSeconds(5);

    /// <summary>Signs in.</summary>
    /// <param name="scope">Scopes to ask for.</param>
    /// <param name="show">Shows the person where to go and what to type; called once.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="SignInRefusedException">The person refused, the code expired, or the server refused.</exception>
    public async Task<StoredTokens> SignInAsync(
        string scope,
        Func<DeviceAuthorization, Task> show,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(show);
        var device = await oauth.AuthorizeDeviceAsync(scope, cancellationToken);
        await show(device);
        var wait = TimeSpan.FromSeconds(Math.Max(1, device.Interval));
        var ends = time.GetUtcNow().AddSeconds(device.ExpiresIn);
        while (true)
        {
            await Task.Delay(wait, time, cancellationToken);
            try
            {
                return await oauth.RedeemDeviceAsync(device.DeviceCode, cancellationToken);
            }
            catch (SignInRefusedException refusal) when (refusal.Error is "authorization_pending" or "slow_down" or "rate_limit_exceeded")
            {
                if (refusal.Error != "authorization_pending")
                    wait += Slower;
            }
            catch (HttpRequestException) when (time.GetUtcNow() < ends)
            {
                wait += Slower;
            }
            if (time.GetUtcNow() >= ends)
                throw new SignInRefusedException("expired_token", "Nobody entered the code in time. Start again.");
        }
    }
}
