using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Limits;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Limits;

/// <summary>The limits of security.md §3 on sign-in routes. All are off with <c>CodeLab:RateLimits:Enabled=false</c>; lock-out is not.</summary>
internal sealed class SignInLimits(IRateCounter counter, ClientAddress addresses, IAuditTrail audit, IOptions<RateLimitOptions> options)
{
    private static readonly TimeSpan _minute = TimeSpan.FromMinutes(1);
    private static readonly RateDecision _unlimited = new(true, int.MaxValue, int.MaxValue, TimeSpan.Zero);

    /// <summary>Password grants: 5 a minute and address, 10 an hour and name.</summary>
    public async ValueTask<RateDecision> TakePasswordAsync(HttpContext context, string name)
    {
        var byAddress = await TakeAsync(AddressKey("password", context), 5, _minute, context);
        if (!byAddress.Allowed)
            return byAddress;
        var byName = await TakeAsync("name:" + PasswordSignIn.Normalize(name), 10, TimeSpan.FromHours(1), context);
        return byName.Allowed ? byAddress : byName;
    }

    /// <summary>Refreshes: 30 a minute and address.</summary>
    public ValueTask<RateDecision> TakeRefreshAsync(HttpContext context) => TakeAsync(AddressKey("refresh", context), 30, _minute, context);

    /// <summary>Rotations of one sign-in: 10 a minute. Replays of one successor are not counted.</summary>
    public ValueTask<RateDecision> TakeRotationAsync(HttpContext context, string signInId) =>
        TakeAsync("sign-in:" + signInId, 10, _minute, context);

    /// <summary>Whether the address may fail again: failed grants share the bucket of password grants.</summary>
    public ValueTask<RateDecision> PeekFailuresAsync(HttpContext context) =>
        options.Value.Enabled ? counter.PeekAsync(AddressKey("password", context), 5, _minute, context.RequestAborted) : new(_unlimited);

    /// <summary>Counts a grant that failed.</summary>
    public ValueTask<RateDecision> CountFailureAsync(HttpContext context) =>
        TakeAsync(AddressKey("password", context), 5, _minute, context);

    /// <summary>Sign-ins by passkey: 20 a minute and address.</summary>
    public ValueTask<RateDecision> TakePasskeyAsync(HttpContext context) => TakeAsync(AddressKey("passkey", context), 20, _minute, context);

    /// <summary>Set-up claims: 5 a minute and address.</summary>
    public ValueTask<RateDecision> TakeSetupAsync(HttpContext context) => TakeAsync(AddressKey("setup", context), 5, _minute, context);

    /// <summary>Codes of devices entered: 5 a minute and address.</summary>
    public ValueTask<RateDecision> TakeDeviceEntryAsync(HttpContext context) =>
        TakeAsync(AddressKey("device", context), 5, _minute, context);

    /// <summary>Devices that ask for a code: 10 a minute and address.</summary>
    public ValueTask<RateDecision> TakeDeviceStartAsync(HttpContext context) =>
        TakeAsync(AddressKey("device-start", context), 10, _minute, context);

    private async ValueTask<RateDecision> TakeAsync(string key, int limit, TimeSpan window, HttpContext context)
    {
        if (!options.Value.Enabled)
            return _unlimited;
        var decision = await counter.TakeAsync(key, limit, window, context.RequestAborted);
        if (!decision.Allowed)
        {
            // Which limit, never the name that was typed: people type passwords into the wrong field.
            var what = key[..key.IndexOf(':', StringComparison.Ordinal)];
            await audit.AppendSampledAsync(
                new AuditEvent("rate_limited") { Outcome = "denied", Reason = what },
                key,
                context.RequestAborted
            );
        }
        return decision;
    }

    private string AddressKey(string what, HttpContext context) => $"{what}:{addresses.Of(context)}";
}
