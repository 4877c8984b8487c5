using System.ComponentModel.DataAnnotations;
using System.Data.Common;
using System.Security.Cryptography;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Persistence;
using MediatR;

namespace CodeLab.Modules.Auth.Users;

/// <summary>A user as administrators see it.</summary>
internal sealed record Account(
    string Id,
    string Username,
    string Email,
    IReadOnlyList<string> Roles,
    bool Enabled,
    DateTimeOffset CreatedAt
)
{
    public DateTimeOffset? LastSignInAt { get; init; }
}

/// <summary>What a new user needs.</summary>
internal sealed record NewAccount(string Username, string Email, string Password, IReadOnlyList<string> Roles);

/// <summary>Makes, lists, disables and enables users.</summary>
internal sealed class Accounts(
    Database database,
    PasswordHashing hashing,
    SignInStates states,
    IServiceProvider services,
    TimeProvider time
)
{
    private const string Columns = "id, user_name, email, roles, disabled_at, created_at, last_sign_in_at";
    private static readonly string[] _roles = [Access.Roles.Admin, Access.Roles.Lead, Access.Roles.Developer, Access.Roles.Viewer];
    private static readonly EmailAddressAttribute _email = new();

    /// <summary>What is wrong with a new user; null when nothing is.</summary>
    public static Error? Fault(NewAccount account)
    {
        var name = account.Username;
        if (name.Length is < 3 or > 255 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-'))
            return Invalid("username", "The user name must be 3 to 255 characters of A-Z, a-z, 0-9, _ and -.");
        if (account.Email.Length > 255 || !_email.IsValid(account.Email) || account.Email.Any(char.IsWhiteSpace))
            return Invalid("email", "The e-mail address is not valid.");
        if (account.Roles.Count == 0 || account.Roles.FirstOrDefault(r => !_roles.Contains(r)) is not null)
            return Invalid("roles", $"Roles must be one or more of {string.Join(", ", _roles)}.");
        return PasswordRules.Fault(account.Password, name, account.Email) is { } fault
            ? new Error("WEAK_PASSWORD", fault, 400) { Details = new Dictionary<string, string> { ["field"] = "password" } }
            : null;
    }

    /// <summary>Makes a user.</summary>
    /// <param name="account">The user, checked by <see cref="Fault"/>.</param>
    /// <param name="guard">Runs first in the same transaction, with the new id; false undoes everything.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The user; null when the guard said no. <c>USER_EXISTS</c> when name or e-mail are taken.</returns>
    public async Task<Result<Account?>> CreateAsync(
        NewAccount account,
        Func<DbTransaction, string, Task<bool>>? guard,
        CancellationToken cancellationToken
    )
    {
        if (Fault(account) is { } fault)
            return fault;
        var hash = await hashing.HashAsync(account.Password, cancellationToken);
        var id = Guid.NewGuid().ToString();
        var now = time.GetUtcNow();
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (guard is not null && !await guard(transaction, id))
            return Result<Account?>.Ok(null);
        var added = await connection.ExecuteAsync(
            """
            INSERT INTO auth_users (id, user_name, normalized_user_name, email, normalized_email, email_confirmed, password_hash,
                security_stamp, concurrency_stamp, phone_number_confirmed, two_factor_enabled, lockout_enabled, access_failed_count,
                roles, created_at)
            VALUES (@id, @name, @normalName, @email, @normalEmail, @no, @hash, @stamp, @stamp, @no, @no, @no, 0, @roles, @now)
            ON CONFLICT DO NOTHING
            """,
            transaction,
            [
                ("@id", id),
                ("@name", account.Username),
                ("@normalName", PasswordSignIn.Normalize(account.Username)),
                ("@email", account.Email),
                ("@normalEmail", PasswordSignIn.Normalize(account.Email)),
                ("@no", false),
                ("@hash", hash),
                ("@stamp", Convert.ToHexString(RandomNumberGenerator.GetBytes(16))),
                ("@roles", string.Join(' ', account.Roles.Distinct())),
                ("@now", now.ToUnixTimeMilliseconds()),
            ],
            cancellationToken
        );
        if (added == 0)
            return new Error("USER_EXISTS", "The user name or e-mail address is taken.", 409);
        await transaction.CommitAsync(cancellationToken);
        return new Account(id, account.Username, account.Email, account.Roles, true, now);
    }

    /// <summary>Users by name, from after <paramref name="cursor"/>.</summary>
    public async Task<IReadOnlyList<Account>> ListAsync(int limit, string? cursor, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await ReadAsync(
            connection,
            $"SELECT {Columns} FROM auth_users WHERE normalized_user_name > @cursor ORDER BY normalized_user_name LIMIT @limit",
            [("@cursor", cursor ?? ""), ("@limit", limit)],
            cancellationToken
        );
    }

    public async Task<Account?> FindAsync(string id, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        var found = await ReadAsync(connection, $"SELECT {Columns} FROM auth_users WHERE id = @id", [("@id", id)], cancellationToken);
        return found.Count == 0 ? null : found[0];
    }

    /// <summary>Disables or enables a user. Disabling ends all their sign-ins for good, on every live surface (security.md G2).</summary>
    public async Task<Result<Account>> SetEnabledAsync(string id, bool enabled, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (!enabled && await IsLastAdministratorAsync(transaction, id, cancellationToken))
            return new Error("LAST_ADMINISTRATOR", "The last administrator cannot be disabled.", 409);
        var changed = await connection.ExecuteAsync(
            enabled
                ? "UPDATE auth_users SET disabled_at = NULL WHERE id = @id"
                : "UPDATE auth_users SET disabled_at = COALESCE(disabled_at, @now) WHERE id = @id",
            transaction,
            [("@id", id), ("@now", time.Milliseconds())],
            cancellationToken
        );
        if (changed == 0)
            return new Error("USER_NOT_FOUND", "There is no such user.", 404);
        if (!enabled)
        {
            await connection.ExecuteAsync(
                "UPDATE auth_sign_ins SET revoked_at = @now, revoked_reason = 'user.disabled' WHERE user_id = @id AND revoked_at IS NULL",
                transaction,
                [("@id", id), ("@now", time.Milliseconds())],
                cancellationToken
            );
        }
        await transaction.CommitAsync(cancellationToken);
        states.ForgetAll();
        if (!enabled)
        {
            // Told after the commit, and even if the administrator has left.
            var publisher = (IPublisher)services.GetService(typeof(IPublisher))!;
            await publisher.Publish(new UserRightsChanged(id, "user.disabled"), CancellationToken.None);
        }
        return (await FindAsync(id, cancellationToken))!;
    }

    private static async Task<bool> IsLastAdministratorAsync(DbTransaction transaction, string id, CancellationToken cancellationToken)
    {
        // Locks the administrators, so that two of them cannot disable each other at once. SQLite has one writer anyway.
        var suffix = transaction.Connection is Npgsql.NpgsqlConnection ? " FOR UPDATE" : "";
        var enabled = new List<string>();
        await using var command = transaction.Connection!.Command(
            "SELECT id FROM auth_users WHERE roles LIKE @admin AND disabled_at IS NULL" + suffix,
            transaction,
            ("@admin", $"%{Access.Roles.Admin}%")
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            enabled.Add(reader.GetString(0));
        return enabled.Count == 1 && enabled[0] == id;
    }

    private static async Task<List<Account>> ReadAsync(
        DbConnection connection,
        string sql,
        (string Name, object? Value)[] parameters,
        CancellationToken cancellationToken
    )
    {
        var accounts = new List<Account>();
        await using var command = connection.Command(sql, null, parameters);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            accounts.Add(
                new(
                    reader.GetString(0),
                    reader.GetString(1),
                    reader.GetString(2),
                    User.Split(reader.GetString(3)),
                    reader.IsDBNull(4),
                    DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(5))
                )
                {
                    LastSignInAt = reader.NullableInt64(6) is { } at ? DateTimeOffset.FromUnixTimeMilliseconds(at) : null,
                }
            );
        }
        return accounts;
    }

    private static Error Invalid(string field, string message) =>
        new("INVALID_REQUEST", message, 400) { Details = new Dictionary<string, string> { ["field"] = field } };
}

/// <summary>Answers <see cref="GetUserQuery"/>.</summary>
internal sealed class GetUserHandler(Accounts accounts) : IRequestHandler<GetUserQuery, UserInfo?>
{
    public async Task<UserInfo?> Handle(GetUserQuery request, CancellationToken cancellationToken) =>
        await accounts.FindAsync(request.UserId, cancellationToken) is { Enabled: true } account
            ? new UserInfo(account.Id, account.Username, account.Roles)
            : null;
}
