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
        var id = LedgerSql.SortableId(database.Provider);
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
            row => (LedgerSql.Read(row), LedgerSql.IdOf(row).ToString().ToUpperInvariant()),
            [.. parameters],
            cancellationToken
        );
    }
}
