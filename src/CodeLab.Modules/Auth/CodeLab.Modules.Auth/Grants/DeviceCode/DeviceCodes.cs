using System.Data.Common;
using System.Security.Cryptography;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Tokens;
using CodeLab.Modules.Auth.Users;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace CodeLab.Modules.Auth.Grants.DeviceCode;

/// <summary>Codes of a device that asked: one it keeps, one its person types.</summary>
internal sealed record NewDeviceCode(string DeviceCode, string UserCode, int ExpiresIn, int Interval);

/// <summary>How a poll ended.</summary>
internal abstract record DeviceOutcome
{
    public sealed record Granted(UserSnapshot User, string Scope, StartedSignIn Started, IdentityFacts Facts) : DeviceOutcome;

    /// <summary>No token yet, or none at all (RFC 8628 §3.5).</summary>
    public sealed record Refused(string Error, string Description) : DeviceOutcome;
}

/// <summary>Device authorizations (RFC 8628): asked for by a device, decided by a person at a browser, fetched by the device once.</summary>
internal sealed class DeviceCodes(Database database, SignIns signIns, TimeProvider time)
{
    public const string Pending = "pending";
    public const string Approved = "approved";
    public const string Denied = "denied";
    private const string Used = "used";
    private const int Seconds = 600;
    private const int Interval = 5;

    private static readonly DeviceOutcome _unknown = new DeviceOutcome.Refused(Errors.InvalidGrant, "Invalid or expired device code");
    private static readonly DeviceOutcome _pending = new DeviceOutcome.Refused(
        Errors.AuthorizationPending,
        "Nobody has decided yet. Try again after the interval."
    );
    private static readonly DeviceOutcome _tooFast = new DeviceOutcome.Refused(
        Errors.SlowDown,
        "Too fast: wait 5 seconds longer between tries from now on."
    );

    /// <summary>Begins one. Two devices never wait for the same user code.</summary>
    public async Task<NewDeviceCode> StartAsync(string clientId, string scope, RequestOrigin origin, CancellationToken cancellationToken)
    {
        var secret = "cld_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        while (true)
        {
            var userCode = UserCodes.New();
            var now = time.Milliseconds();
            var added = await database.TransactAsync(
                (connection, transaction) =>
                    connection.ExecuteAsync(
                        """
                        INSERT INTO auth_device_codes
                            (hash, user_code, client_id, scope, ip, user_agent, created_at, expires_at, interval_seconds, state)
                        VALUES (@hash, @code, @client, @scope, @ip, @agent, @now, @expires, @interval, @pending)
                        ON CONFLICT DO NOTHING
                        """,
                        transaction,
                        [
                            ("@hash", RefreshTokens.Hash(secret)),
                            ("@code", userCode),
                            ("@client", clientId),
                            ("@scope", scope),
                            ("@ip", Sql.Text(origin.Ip)),
                            ("@agent", Sql.Text(origin.UserAgent)),
                            ("@now", now),
                            ("@expires", now + Seconds * 1000L),
                            ("@interval", Interval),
                            ("@pending", Pending),
                        ],
                        CancellationToken.None
                    ),
                cancellationToken
            );
            if (added == 1)
                return new(secret, userCode, Seconds, Interval);
        }
    }

    /// <summary>Asks whether the person has decided; gives the tokens once.</summary>
    public Task<DeviceOutcome> PollAsync(string deviceCode, Client client, RequestOrigin origin, CancellationToken cancellationToken)
    {
        var hash = RefreshTokens.Hash(deviceCode);
        return database.TransactAsync(
            async (connection, transaction) =>
            {
                var row = await FindAsync(connection, transaction, hash);
                var now = time.Milliseconds();
                if (row is null || row.ClientId != client.Id)
                    return _unknown;
                if (row.ExpiresAt <= now && row.State != Used)
                    return new DeviceOutcome.Refused(Errors.ExpiredToken, "The code has expired. Start again.");
                return row.State switch
                {
                    Pending => await WaitAsync(connection, transaction, hash, row, now),
                    Denied => new DeviceOutcome.Refused(Errors.AccessDenied, "The person refused"),
                    Approved => await GrantAsync(connection, transaction, hash, row, client, origin, now),
                    _ => _unknown,
                };
            },
            cancellationToken
        );
    }

    private static async Task<DeviceOutcome> WaitAsync(DbConnection connection, DbTransaction? transaction, byte[] hash, Row row, long now)
    {
        var tooFast = row.PolledAt is { } last && now - last < row.Interval * 1000L;
        await connection.ExecuteAsync(
            "UPDATE auth_device_codes SET polled_at = @now, interval_seconds = interval_seconds + @more WHERE hash = @hash",
            transaction,
            [("@now", now), ("@more", tooFast ? Interval : 0), ("@hash", hash)],
            CancellationToken.None
        );
        return tooFast ? _tooFast : _pending;
    }

    private async Task<DeviceOutcome> GrantAsync(
        DbConnection connection,
        DbTransaction? transaction,
        byte[] hash,
        Row row,
        Client client,
        RequestOrigin origin,
        long now
    )
    {
        // The one write that decides which poll gets the tokens comes first: on PostgreSQL it also makes the others wait.
        var mine = await connection.ExecuteAsync(
            "UPDATE auth_device_codes SET state = @used WHERE hash = @hash AND state = @approved",
            transaction,
            [("@used", Used), ("@hash", hash), ("@approved", Approved)],
            CancellationToken.None
        );
        if (mine != 1)
            return _unknown;
        var browser = await LivingBrowserSignIn.FindAsync(connection, transaction, row.BrowserSignInId, row.UserId ?? "", now);
        if (browser is null)
            return new DeviceOutcome.Refused(Errors.AccessDenied, "Whoever approved this is not signed in any more. Start again.");
        var scope = GrantScopes.Grant(
            row.Scope.Split(' ').Where(s => s != Scopes.OfflineAccess && client.Scopes.Contains(s)),
            browser.User.Roles
        );
        var started = await signIns.StartAsync(
            connection,
            transaction,
            new(browser.User, client.Id, scope, "device_code", origin)
            {
                Methods = browser.Methods,
                HasRefreshToken = GrantScopes.StaysSignedIn(row.Scope, client),
            }
        );
        var facts = new IdentityFacts(client.Id, started.Id, browser.AuthenticatedAt, browser.Methods);
        return new DeviceOutcome.Granted(browser.User, scope, started, facts);
    }

    private static async Task<Row?> FindAsync(DbConnection connection, DbTransaction? transaction, byte[] hash)
    {
        await using var command = connection.Command(
            "SELECT client_id, scope, expires_at, interval_seconds, polled_at, state, user_id, browser_sign_in_id "
                + "FROM auth_device_codes WHERE hash = @hash",
            transaction,
            ("@hash", hash)
        );
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        if (!await reader.ReadAsync(CancellationToken.None))
            return null;
        return new(
            reader.GetString(0),
            reader.GetString(1),
            reader.GetInt64(2),
            reader.GetInt32(3),
            reader.NullableInt64(4),
            reader.GetString(5),
            reader.IsDBNull(6) ? null : reader.GetString(6),
            reader.IsDBNull(7) ? null : reader.GetString(7)
        );
    }

    private sealed record Row(
        string ClientId,
        string Scope,
        long ExpiresAt,
        int Interval,
        long? PolledAt,
        string State,
        string? UserId,
        string? BrowserSignInId
    );
}
