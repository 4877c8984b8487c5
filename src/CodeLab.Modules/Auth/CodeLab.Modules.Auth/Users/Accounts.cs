using System.Data.Common;
using System.Security.Cryptography;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Teams;
using MediatR;

namespace CodeLab.Modules.Auth.Users;

/// <summary>Runs in the transaction that makes a user, before it, with the new id; on false it has written nothing, and no user is made.</summary>
internal delegate Task<bool> AccountGuard(DbConnection connection, DbTransaction? transaction, string id);

/// <summary>Makes, finds and lists users.</summary>
internal sealed class Accounts(Database database, PasswordHashing hashing, IAuditTrail audit, Callers callers, TimeProvider time)
{
    /// <summary>Makes a user.</summary>
    /// <param name="account">The user.</param>
    /// <param name="guard">Runs first in the same transaction; null for none.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The user; null when the guard said no. <c>USER_EXISTS</c> when name or e-mail are taken.</returns>
    /// <exception cref="PasswordQueueFullException">Too many passwords are being hashed.</exception>
    public async Task<Result<Account?>> CreateAsync(NewAccount account, AccountGuard? guard, CancellationToken cancellationToken)
    {
        if (AccountRules.Fault(account) is { } fault)
            return fault;
        var hash = account.Password is { } password ? await hashing.HashAsync(password, cancellationToken) : null;
        var id = Guid.NewGuid().ToString();
        var now = time.GetUtcNow();
        var roles = account.Roles.Distinct(StringComparer.Ordinal).ToArray();
        var entry = callers.Stamp(
            new AuditEvent("user.created")
            {
                Subject = id,
                Metadata = new Dictionary<string, object?> { ["roles"] = roles, ["invited"] = hash is null },
            }
        );
        try
        {
            return await database.TransactAsync(MakeAsync, cancellationToken);
        }
        catch (AccountExistsException)
        {
            return UserErrors.Exists;
        }

        async Task<Result<Account?>> MakeAsync(DbConnection connection, DbTransaction? transaction)
        {
            if (guard is not null && !await guard(connection, transaction, id))
                return Result<Account?>.Ok(null);
            var added = await connection.ExecuteAsync(
                """
                INSERT INTO auth_users (id, user_name, normalized_user_name, email, normalized_email, email_confirmed, password_hash,
                    security_stamp, concurrency_stamp, phone_number_confirmed, two_factor_enabled, lockout_enabled,
                    access_failed_count, roles, created_at)
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
                    ("@hash", Sql.Text(hash)),
                    ("@stamp", NewStamp()),
                    ("@roles", string.Join(' ', roles)),
                    ("@now", now.ToUnixTimeMilliseconds()),
                ],
                default
            );
            // Thrown, not returned: what the guard wrote must be undone.
            if (added == 0)
                throw new AccountExistsException();
            await audit.AppendAsync(connection, transaction, entry with { Actor = entry.Actor ?? (guard is null ? null : id) });
            return new Account(id, account.Username, account.Email, roles, true, now) { HasPassword = hash is not null };
        }
    }

    /// <summary>Users by name, from after <paramref name="cursor"/>, whose name or e-mail contains <paramref name="search"/>.</summary>
    public async Task<IReadOnlyList<Account>> ListAsync(int limit, string? cursor, string? search, CancellationToken cancellationToken)
    {
        var pattern = string.IsNullOrEmpty(search) ? null : $"%{Escape(PasswordSignIn.Normalize(search))}%";
        var where = pattern is null
            ? ""
            : "AND (u.normalized_user_name LIKE @search ESCAPE '!' OR u.normalized_email LIKE @search ESCAPE '!') ";
        await using var connection = await database.OpenAsync(cancellationToken);
        return await ReadAsync(
            connection,
            $"SELECT {Account.Columns} FROM auth_users u WHERE u.normalized_user_name > @cursor {where}"
                + "ORDER BY u.normalized_user_name LIMIT @limit",
            [("@cursor", cursor ?? ""), ("@limit", limit), ("@search", pattern ?? "")],
            cancellationToken
        );
    }

    public async Task<Account?> FindAsync(string id, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        var found = await ReadAsync(
            connection,
            $"SELECT {Account.Columns} FROM auth_users u WHERE u.id = @id",
            [("@id", id)],
            cancellationToken
        );
        return found.Count == 0 ? null : found[0];
    }

    /// <summary>A new security stamp: all sign-ins that were made under the old one end.</summary>
    public static string NewStamp() => Convert.ToHexString(RandomNumberGenerator.GetBytes(16));

    private static string Escape(string text) =>
        text.Replace("!", "!!", StringComparison.Ordinal)
            .Replace("%", "!%", StringComparison.Ordinal)
            .Replace("_", "!_", StringComparison.Ordinal);

    private async Task<List<Account>> ReadAsync(
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
            accounts.Add(Account.Read(reader, time.Milliseconds()));
        return accounts;
    }
}

/// <summary>Name or e-mail are taken; undoes the transaction.</summary>
internal sealed class AccountExistsException() : Exception("The user name or e-mail address is taken");

/// <summary>Answers <see cref="GetUserQuery"/>.</summary>
internal sealed class GetUserHandler(Accounts accounts, TeamStore teams) : IRequestHandler<GetUserQuery, UserInfo?>
{
    public async Task<UserInfo?> Handle(GetUserQuery request, CancellationToken cancellationToken) =>
        await accounts.FindAsync(request.UserId, cancellationToken) is { Enabled: true } account
            ? new UserInfo(account.Id, account.Username, account.Roles) { Teams = await teams.OfUserAsync(account.Id, cancellationToken) }
            : null;
}
