using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;
using MediatR;

namespace CodeLab.Modules.Auth.Teams;

/// <summary>Answers <see cref="GetLedMembersQuery"/>.</summary>
internal sealed class GetLedMembersHandler(Database database) : IRequestHandler<GetLedMembersQuery, IReadOnlyList<string>>
{
    public async Task<IReadOnlyList<string>> Handle(GetLedMembersQuery request, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            """
            SELECT DISTINCT m.user_id
            FROM auth_team_members l
            JOIN auth_users lead ON lead.id = l.user_id
            JOIN auth_team_members m ON m.team_id = l.team_id
            JOIN auth_users u ON u.id = m.user_id
            WHERE l.user_id = @user AND l.is_lead = @yes AND lead.disabled_at IS NULL AND u.disabled_at IS NULL AND m.user_id <> @user
            ORDER BY m.user_id
            """,
            null,
            ("@user", request.UserId),
            ("@yes", true)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var members = new List<string>();
        while (await reader.ReadAsync(cancellationToken))
            members.Add(reader.GetString(0));
        return members;
    }
}
