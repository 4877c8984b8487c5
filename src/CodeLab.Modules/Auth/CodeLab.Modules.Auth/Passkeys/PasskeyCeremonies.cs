using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Limits;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Auth.Passkeys;

/// <summary>A passkey as its owner sees it.</summary>
internal sealed record Passkey(string Id, string Name, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt, bool IsSynced);

/// <summary>What a browser needs to begin: options for <c>navigator.credentials</c> and the state it brings back.</summary>
internal sealed record PasskeyChallenge(System.Text.Json.JsonElement Options, string State);

/// <summary>
/// Registration and use of passkeys (WebAuthn) by Identity's handler. The state of a ceremony travels with the browser, encrypted and for
/// five minutes; a challenge is answered once.
/// </summary>
internal sealed partial class PasskeyCeremonies(
    IPasskeyHandler<User> handler,
    PasskeyStore store,
    Database database,
    IDataProtectionProvider protection,
    IRateCounter counter,
    IAuditTrail audit,
    Callers callers,
    TimeProvider time,
    ILogger<PasskeyCeremonies> logger
)
{
    public const int MostPerUser = 20;
    private static readonly TimeSpan _lifetime = TimeSpan.FromMinutes(5);

    /// <summary>Begins the registration of a passkey for a signed-in user.</summary>
    public async Task<PasskeyChallenge> BeginCreationAsync(HttpContext context, string userId, string userName)
    {
        var entity = new PasskeyUserEntity
        {
            Id = userId,
            Name = userName,
            DisplayName = userName,
        };
        var made = await handler.MakeCreationOptionsAsync(entity, context);
        return new(Parse(made.CreationOptionsJson), Seal(made.AttestationState));
    }

    /// <summary>Ends it; false when the answer does not belong to a challenge of ours for this user.</summary>
    public async Task<bool> CreateAsync(HttpContext context, string userId, string name, string credential, string state)
    {
        if (await OpenAsync(state, context.RequestAborted) is not { } opened)
            return false;
        var result = await handler.PerformAttestationAsync(
            new()
            {
                HttpContext = context,
                CredentialJson = credential,
                AttestationState = opened,
            }
        );
        if (!result.Succeeded)
        {
            Refused(result.Failure.Message);
            return false;
        }
        if (result.UserEntity.Id != userId || await store.FindByIdAsync(userId, context.RequestAborted) is not { } user)
            return false;
        if ((await store.GetPasskeysAsync(user, context.RequestAborted)).Count >= MostPerUser)
            return false;
        result.Passkey.Name = name;
        await store.AddOrUpdatePasskeyAsync(user, result.Passkey, context.RequestAborted);
        await audit.AppendAsync(callers.Stamp(Told("passkey.added", userId, result.Passkey.CredentialId)), CancellationToken.None);
        return true;
    }

    /// <summary>Begins a use: of any passkey of this host, or of one user's.</summary>
    public async Task<PasskeyChallenge> BeginUseAsync(HttpContext context, string? userId)
    {
        var user = userId is null ? null : await store.FindByIdAsync(userId, context.RequestAborted);
        var made = await handler.MakeRequestOptionsAsync(user, context);
        return new(Parse(made.RequestOptionsJson), Seal(made.AssertionState));
    }

    /// <summary>Ends it: whose passkey it was; null when the answer is not good or its user is disabled.</summary>
    public async Task<UserSnapshot?> UseAsync(HttpContext context, string credential, string state)
    {
        if (await OpenAsync(state, context.RequestAborted) is not { } opened)
            return null;
        var result = await handler.PerformAssertionAsync(
            new()
            {
                HttpContext = context,
                CredentialJson = credential,
                AssertionState = opened,
            }
        );
        if (!result.Succeeded)
        {
            Refused(result.Failure.Message);
            return null;
        }
        var user = result.User;
        if (user.DisabledAt is not null)
            return null;
        await store.AddOrUpdatePasskeyAsync(user, result.Passkey, context.RequestAborted);
        await database.ExecuteAsync(
            "UPDATE auth_passkeys SET last_used_at = @now WHERE credential_id = @id",
            [("@now", time.Milliseconds()), ("@id", result.Passkey.CredentialId)],
            context.RequestAborted
        );
        return new(user.Id, user.UserName!, user.SecurityStamp!, User.Split(user.Roles));
    }

    public async Task<IReadOnlyList<Passkey>> ListAsync(string userId, CancellationToken cancellationToken)
    {
        var passkeys = new List<Passkey>();
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            "SELECT credential_id, name, created_at, last_used_at, is_backed_up FROM auth_passkeys WHERE user_id = @user ORDER BY created_at",
            null,
            ("@user", userId)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            passkeys.Add(
                new(
                    Convert.ToHexString(reader.GetFieldValue<byte[]>(0)),
                    reader.GetString(1),
                    DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(2)),
                    reader.NullableInt64(3) is { } at ? DateTimeOffset.FromUnixTimeMilliseconds(at) : null,
                    reader.GetBoolean(4)
                )
            );
        }
        return passkeys;
    }

    /// <summary>Removes a passkey of the user; false when it is not theirs.</summary>
    public async Task<bool> RemoveAsync(string userId, string id, CancellationToken cancellationToken)
    {
        if (id.Length is 0 or > 2048 || id.Length % 2 != 0 || !id.All(char.IsAsciiHexDigit))
            return false;
        var credential = Convert.FromHexString(id);
        var entry = callers.Stamp(Told("passkey.removed", userId, credential));
        return await database.TransactAsync(
            async (connection, transaction) =>
            {
                var removed = await connection.ExecuteAsync(
                    "DELETE FROM auth_passkeys WHERE user_id = @user AND credential_id = @id",
                    transaction,
                    [("@user", userId), ("@id", credential)],
                    CancellationToken.None
                );
                if (removed == 1)
                    await audit.AppendAsync(connection, transaction, entry);
                return removed == 1;
            },
            cancellationToken
        );
    }

    private static AuditEvent Told(string type, string userId, byte[] credential) =>
        new(type)
        {
            Subject = userId,
            Metadata = new Dictionary<string, object?>(StringComparer.Ordinal)
            {
                ["passkey"] = Convert.ToHexStringLower(SHA256.HashData(credential))[..8],
            },
        };

    private string Seal(string? state) => Protector().Protect(state ?? "", _lifetime);

    private async Task<string?> OpenAsync(string sealedState, CancellationToken cancellationToken)
    {
        string state;
        try
        {
            state = Protector().Unprotect(sealedState);
        }
        catch (CryptographicException)
        {
            return null;
        }
        // Whoever recorded an answer cannot play it again. A counter of one is shared by all nodes.
        var key = "passkey:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sealedState)));
        return (await counter.TakeAsync(key, 1, 2 * _lifetime, cancellationToken)).Allowed ? state : null;
    }

    private ITimeLimitedDataProtector Protector() => protection.CreateProtector("codelab.passkeys.v1").ToTimeLimitedDataProtector();

    private static System.Text.Json.JsonElement Parse(string json) => System.Text.Json.JsonDocument.Parse(json).RootElement.Clone();

    [LoggerMessage(2041, LogLevel.Information, "A passkey was refused: {Reason}")]
    private partial void Refused(string reason);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(PasskeyChallenge))]
internal sealed partial class PasskeyJson : JsonSerializerContext;
