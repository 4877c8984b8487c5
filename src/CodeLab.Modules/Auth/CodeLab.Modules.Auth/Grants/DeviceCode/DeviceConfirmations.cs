using System.Data.Common;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.Limits;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Tokens;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Auth.Grants.DeviceCode;

/// <summary>What the confirmation page shows of a device that waits: enough to tell one's own from a stranger's (security.md §4).</summary>
/// <param name="UserCode">Code as shown on the device, <c>BCDF-GHJK</c>: people compare it.</param>
/// <param name="ClientName">Name of the client.</param>
/// <param name="Scopes">What it asks for.</param>
/// <param name="Ip">Address the device asked from.</param>
/// <param name="UserAgent">Program, as it names itself.</param>
/// <param name="AskedAt">When it asked, UTC.</param>
internal sealed record WaitingDevice(
    string UserCode,
    string ClientName,
    IReadOnlyList<string> Scopes,
    string? Ip,
    string? UserAgent,
    DateTimeOffset AskedAt
);

/// <summary>Answer to an entered code.</summary>
internal abstract record DeviceLookup
{
    public sealed record Found(WaitingDevice Device) : DeviceLookup;

    /// <summary>No device waits for it: mistyped, expired, decided already, or never there. Pages tell these alike.</summary>
    public sealed record NotFound : DeviceLookup;

    /// <summary>Too many codes from this address.</summary>
    public sealed record Limited(TimeSpan RetryAfter) : DeviceLookup;
}

/// <summary>
/// The decisions behind the device page. Somebody signed in enters a code (<see cref="FindAsync"/>, 5 a minute and address), sees who asks,
/// and, in a second form with an antiforgery token, approves or denies.
/// </summary>
internal sealed class DeviceConfirmations(
    Database database,
    ClientRegistry clients,
    IAuditTrail audit,
    SignInLimits limits,
    ClientAddress addresses,
    TimeProvider time
)
{
    public const string Page = "/device";

    /// <summary>Looks for the device that waits for a code. Counts as an entry.</summary>
    public async Task<DeviceLookup> FindAsync(string? typed, HttpContext context)
    {
        if (await limits.TakeDeviceEntryAsync(context) is { Allowed: false } limit)
            return new DeviceLookup.Limited(limit.RetryAfter);
        if (UserCodes.Normalize(typed) is not { } code)
            return new DeviceLookup.NotFound();
        var found = await database.FirstAsync(
            "SELECT client_id, scope, ip, user_agent, created_at FROM auth_device_codes "
                + "WHERE user_code = $1 AND state = 'pending' AND expires_at > $2",
            [code, time.Milliseconds()],
            reader => (Client: reader.GetString(0), Device: Read(code, reader)),
            context.RequestAborted
        );
        return found.Device is not null && clients.Find(found.Client) is { } client
            ? new DeviceLookup.Found(found.Device with { ClientName = client.Name })
            : new DeviceLookup.NotFound();
    }

    /// <summary>Lets the device sign in as the user; false when nothing waits for the code any more.</summary>
    public Task<bool> ApproveAsync(string? typed, BrowserUser user, HttpContext context) =>
        DecideAsync(typed, user, DeviceCodes.Approved, "device.approved", context);

    /// <summary>Refuses the device; false when nothing waits for the code any more.</summary>
    public Task<bool> DenyAsync(string? typed, BrowserUser user, HttpContext context) =>
        DecideAsync(typed, user, DeviceCodes.Denied, "device.denied", context);

    private async Task<bool> DecideAsync(string? typed, BrowserUser user, string state, string type, HttpContext context)
    {
        if (UserCodes.Normalize(typed) is not { } code)
            return false;
        var origin = RequestOrigin.Of(context, addresses);
        return await database.TransactAsync(
            async (connection, transaction) =>
            {
                var client = await connection.ScalarAsync(
                    "UPDATE auth_device_codes SET state = @state, user_id = @user, browser_sign_in_id = @signIn "
                        + "WHERE user_code = @code AND state = 'pending' AND expires_at > @now RETURNING client_id",
                    transaction,
                    [("@state", state), ("@user", user.UserId), ("@signIn", user.SignInId), ("@code", code), ("@now", time.Milliseconds())],
                    CancellationToken.None
                );
                if (client is not string clientId)
                    return false;
                await audit.AppendAsync(
                    connection,
                    transaction,
                    new(type)
                    {
                        Actor = user.UserId,
                        Session = user.SignInId,
                        ClientId = clientId,
                        Ip = origin.Ip,
                        UserAgent = origin.UserAgent,
                        Outcome = state == DeviceCodes.Approved ? "success" : "denied",
                    }
                );
                return true;
            },
            context.RequestAborted
        );
    }

    private static WaitingDevice Read(string code, DbDataReader reader) =>
        new(
            UserCodes.Show(code),
            "",
            reader.GetString(1).Split(' ', StringSplitOptions.RemoveEmptyEntries),
            reader.IsDBNull(2) ? null : reader.GetString(2),
            reader.IsDBNull(3) ? null : reader.GetString(3),
            DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(4))
        );
}
