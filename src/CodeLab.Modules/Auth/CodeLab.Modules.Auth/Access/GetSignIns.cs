using System.Text.Json;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;
using MediatR;

namespace CodeLab.Modules.Auth.Access;

/// <summary>Answers <see cref="GetSignInsQuery"/> with one statement, however many are asked about.</summary>
internal sealed class GetSignInsHandler(Database database, TimeProvider time)
    : IRequestHandler<GetSignInsQuery, IReadOnlyDictionary<string, string>>
{
    private const int Most = 1_000;

    public async Task<IReadOnlyDictionary<string, string>> Handle(GetSignInsQuery request, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(request.SignInIds.Count, Most);
        var isPostgres = database.Provider == DatabaseProvider.PostgreSql;
        string[] ids = [.. request.SignInIds];
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            $"""
            SELECT s.id, u.roles
            FROM auth_sign_ins s
            JOIN auth_users u ON u.id = s.user_id
            WHERE s.id {(isPostgres ? "= ANY(@ids)" : "IN (SELECT value FROM json_each(@ids))")} AND s.revoked_at IS NULL
                AND s.expires_at > @now AND u.disabled_at IS NULL AND u.security_stamp = s.security_stamp
            """,
            null,
            ("@ids", isPostgres ? ids : JsonSerializer.Serialize(ids, SignInJson.Default.StringArray)),
            ("@now", time.Milliseconds())
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var living = new Dictionary<string, string>(ids.Length, StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellationToken))
            living[reader.GetString(0)] = SignInRoles.Write(User.Split(reader.GetString(1)));
        return living;
    }
}

[System.Text.Json.Serialization.JsonSerializable(typeof(string[]))]
internal sealed partial class SignInJson : System.Text.Json.Serialization.JsonSerializerContext;
