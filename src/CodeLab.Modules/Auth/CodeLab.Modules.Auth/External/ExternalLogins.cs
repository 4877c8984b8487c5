using System.Data.Common;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;

namespace CodeLab.Modules.Auth.External;

/// <summary>Somebody as a provider knows them. Only issuer and subject identify a person (OpenID Connect Core §2); e-mail does not.</summary>
internal sealed record ExternalPerson(string Issuer, string Subject)
{
    public string? Email { get; init; }

    public bool IsEmailVerified { get; init; }

    public string? UserName { get; init; }

    public IReadOnlyList<string> Groups { get; init; } = [];
}

/// <summary>A login at a provider that belongs to a user.</summary>
internal sealed record ExternalLogin(string Issuer, string Subject, string DisplayName);

/// <summary>Which person of which provider is which user.</summary>
internal sealed class ExternalLogins(Database database, IAuditTrail audit, Callers callers, RightsChanges changes, TimeProvider time)
{
    /// <summary>Id of the user; null when nobody is linked.</summary>
    public async Task<string?> FindAsync(ExternalPerson person, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.ScalarAsync(
                "SELECT user_id FROM auth_user_logins WHERE login_provider = @issuer AND provider_key = @subject",
                null,
                [("@issuer", person.Issuer), ("@subject", person.Subject)],
                cancellationToken
            ) as string;
    }

    public async Task<IReadOnlyList<ExternalLogin>> ListAsync(string userId, CancellationToken cancellationToken)
    {
        var logins = new List<ExternalLogin>();
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            "SELECT login_provider, provider_key, provider_display_name FROM auth_user_logins WHERE user_id = @user ORDER BY login_provider",
            null,
            ("@user", userId)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            logins.Add(new(reader.GetString(0), reader.GetString(1), reader.IsDBNull(2) ? reader.GetString(0) : reader.GetString(2)));
        return logins;
    }

    /// <summary>Links a person to a user; false when they are linked to somebody else.</summary>
    public Task<bool> LinkAsync(string userId, ExternalPerson person, string displayName, CancellationToken cancellationToken)
    {
        var entry = callers.Stamp(Told("external.linked", userId, person.Issuer) with { Actor = userId });
        return database.TransactAsync(
            async (connection, transaction) =>
            {
                if (await InsertAsync(connection, transaction, userId, person, displayName))
                {
                    await audit.AppendAsync(connection, transaction, entry);
                    return true;
                }
                var owner = await connection.ScalarAsync(
                    "SELECT user_id FROM auth_user_logins WHERE login_provider = @issuer AND provider_key = @subject",
                    transaction,
                    [("@issuer", person.Issuer), ("@subject", person.Subject)],
                    CancellationToken.None
                );
                return owner as string == userId;
            },
            cancellationToken
        );
    }

    /// <summary>Unlinks a provider, unless it is the only way left to sign in.</summary>
    public Task<bool> UnlinkAsync(string userId, string issuer, CancellationToken cancellationToken)
    {
        var entry = callers.Stamp(Told("external.unlinked", userId, issuer));
        return database.TransactAsync(
            async (connection, transaction) =>
            {
                var removed = await connection.ExecuteAsync(
                    "DELETE FROM auth_user_logins WHERE user_id = @user AND login_provider = @issuer AND (EXISTS "
                        + "(SELECT 1 FROM auth_users u WHERE u.id = @user AND u.password_hash IS NOT NULL) OR EXISTS "
                        + "(SELECT 1 FROM auth_passkeys p WHERE p.user_id = @user) OR EXISTS "
                        + "(SELECT 1 FROM auth_user_logins l WHERE l.user_id = @user AND l.login_provider <> @issuer))",
                    transaction,
                    [("@user", userId), ("@issuer", issuer)],
                    CancellationToken.None
                );
                if (removed > 0)
                    await audit.AppendAsync(connection, transaction, entry);
                return removed > 0;
            },
            cancellationToken
        );
    }

    /// <summary>Makes a user for a person; null when the name or the e-mail address belongs to somebody already.</summary>
    public Task<string?> CreateAsync(
        ExternalPerson person,
        string userName,
        string email,
        string role,
        string displayName,
        CancellationToken cancellationToken
    )
    {
        var id = Guid.NewGuid().ToString();
        var stamp = Convert.ToHexString(System.Security.Cryptography.RandomNumberGenerator.GetBytes(16));
        var entry = callers.Stamp(Told("user.created", id, person.Issuer) with { Actor = id });
        return database.TransactAsync(
            async (connection, transaction) =>
            {
                var added = await connection.ExecuteAsync(
                    """
                    INSERT INTO auth_users (id, user_name, normalized_user_name, email, normalized_email, email_confirmed, security_stamp,
                        concurrency_stamp, phone_number_confirmed, two_factor_enabled, lockout_enabled, access_failed_count, roles, created_at)
                    VALUES (@id, @name, @normalName, @email, @normalEmail, @yes, @stamp, @stamp, @no, @no, @no, 0, @roles, @now)
                    ON CONFLICT DO NOTHING
                    """,
                    transaction,
                    [
                        ("@id", id),
                        ("@name", userName),
                        ("@normalName", PasswordSignIn.Normalize(userName)),
                        ("@email", email),
                        ("@normalEmail", PasswordSignIn.Normalize(email)),
                        ("@yes", true),
                        ("@no", false),
                        ("@stamp", stamp),
                        ("@roles", role),
                        ("@now", time.Milliseconds()),
                    ],
                    CancellationToken.None
                );
                if (added == 0 || !await InsertAsync(connection, transaction, id, person, displayName))
                    return null;
                await audit.AppendAsync(connection, transaction, entry);
                return id;
            },
            cancellationToken
        );
    }

    /// <summary>True when an account has this e-mail address.</summary>
    public async Task<bool> IsEmailTakenAsync(string email, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.ScalarAsync(
            "SELECT 1 FROM auth_users WHERE normalized_email = @email",
            null,
            [("@email", PasswordSignIn.Normalize(email))],
            cancellationToken
        )
            is not null;
    }

    /// <summary>Gives a user the roles of their groups. The last administrator stays one, whatever the provider says.</summary>
    public async Task SetRolesAsync(string userId, IReadOnlyList<string> roles, CancellationToken cancellationToken)
    {
        var wanted = string.Join(' ', roles);
        var entry = callers.Stamp(
            new("role.granted")
            {
                Actor = userId,
                Subject = userId,
                Metadata = new Dictionary<string, object?>(StringComparer.Ordinal) { ["roles"] = wanted },
            }
        );
        var changed = await database.TransactAsync(
            async (connection, transaction) =>
            {
                var done = await connection.ExecuteAsync(
                    "UPDATE auth_users SET roles = @roles WHERE id = @id AND roles <> @roles AND (@admin = 1 OR roles NOT LIKE '%admin%' OR EXISTS "
                        + "(SELECT 1 FROM auth_users o WHERE o.id <> @id AND o.roles LIKE '%admin%' AND o.disabled_at IS NULL))",
                    transaction,
                    [("@roles", wanted), ("@id", userId), ("@admin", roles.Contains(Roles.Admin) ? 1 : 0)],
                    CancellationToken.None
                );
                if (done == 1)
                    await audit.AppendAsync(connection, transaction, entry);
                return done == 1;
            },
            cancellationToken
        );
        if (changed)
            await changes.TellAsync(new UserRightsChanged(userId, "role.granted"));
    }

    private static async Task<bool> InsertAsync(
        DbConnection connection,
        DbTransaction? transaction,
        string userId,
        ExternalPerson person,
        string displayName
    ) =>
        await connection.ExecuteAsync(
            "INSERT INTO auth_user_logins (login_provider, provider_key, provider_display_name, user_id) VALUES (@issuer, @subject, @name, @user) "
                + "ON CONFLICT DO NOTHING",
            transaction,
            [("@issuer", person.Issuer), ("@subject", person.Subject), ("@name", displayName), ("@user", userId)],
            CancellationToken.None
        ) == 1;

    private static AuditEvent Told(string type, string userId, string issuer) =>
        new(type)
        {
            Subject = userId,
            Metadata = new Dictionary<string, object?>(StringComparer.Ordinal) { ["issuer"] = issuer },
        };
}
