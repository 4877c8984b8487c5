using System.Data.Common;
using System.Runtime.CompilerServices;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Llm.Persistence;
using MediatR;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>Reads the ledger page by page, so that neither a connection nor memory is held for an export of millions of rows.</summary>
internal sealed class StreamCallsHandler(Database database) : IStreamRequestHandler<StreamCallsQuery, CallInfo>
{
    private const int AtOnce = 1000;

    public async IAsyncEnumerable<CallInfo> Handle(StreamCallsQuery request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var at = request.From.ToUnixTimeMilliseconds();
        var after = "";
        while (true)
        {
            var page = await ReadAsync(request, at, after, cancellationToken);
            foreach (var (call, key) in page)
            {
                yield return call;
                (at, after) = (call.CreatedAt.ToUnixTimeMilliseconds(), key);
            }
            if (page.Count < AtOnce)
                yield break;
        }
    }

    private Task<List<(CallInfo Call, string Key)>> ReadAsync(
        StreamCallsQuery request,
        long at,
        string after,
        CancellationToken cancellationToken
    )
    {
        // Ids are texts in one database and uuids in the other; both sort alike as upper-case texts.
        var id = database.Provider == DatabaseProvider.Sqlite ? "id" : "upper(id::text)";
        var user = request.UserId is null ? "" : " AND user_id = @user";
        List<(string, object?)> parameters =
        [
            ("@at", at),
            ("@after", after),
            ("@to", request.To.ToUnixTimeMilliseconds()),
            ("@most", AtOnce),
        ];
        if (request.UserId is not null)
            parameters.Add(("@user", request.UserId));
        return database.ReadAsync(
            $"SELECT {LedgerSql.Columns} FROM llm_usage WHERE created_at >= @at AND created_at < @to AND (created_at > @at OR {id} > @after){user} "
                + $"ORDER BY created_at, {id} LIMIT @most",
            row => (Read(row), IdOf(row).ToString().ToUpperInvariant()),
            [.. parameters],
            cancellationToken
        );
    }

    private static Guid IdOf(DbDataReader row) => row.GetFieldType(0) == typeof(string) ? Guid.Parse(row.GetString(0)) : row.GetGuid(0);

    private static CallInfo Read(DbDataReader row) =>
        new()
        {
            Id = IdOf(row),
            CreatedAt = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(1)),
            UserId = row.GetString(2),
            TeamId = row.Text(3),
            KeyId = row.Text(4),
            SessionId = row.Text(5),
            Agent = row.Text(6),
            Provider = row.GetString(7),
            Model = row.GetString(8),
            Alias = row.Text(9),
            Door = row.Text(10),
            IsStreamed = row.GetBoolean(11),
            IsCacheHit = row.GetBoolean(12),
            InputTokens = row.GetInt64(13),
            OutputTokens = row.GetInt64(14),
            CachedTokens = row.GetInt64(15),
            CacheWriteTokens = row.GetInt64(16),
            ReasoningTokens = row.GetInt64(17),
            IsEstimated = row.GetBoolean(18),
            Cost = row.Number(19) / 1_000_000_000m,
            DurationMs = row.GetInt64(20),
            FirstTokenMs = row.Number(21),
            OverheadUs = row.GetInt64(22),
            Attempts = (int)row.GetInt64(23),
            Outcome = row.GetString(24),
        };
}
