using System.Globalization;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Persistence;
using MediatR;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>Reads the newest calls along the index of their time; a page costs the same however long the ledger is.</summary>
internal sealed class ListCallsHandler(Database database, TimeProvider time) : IRequestHandler<ListCallsQuery, Result<CallPage>>
{
    private const int Most = 500;

    public async Task<Result<CallPage>> Handle(ListCallsQuery request, CancellationToken cancellationToken)
    {
        var before = request.To?.ToUnixTimeMilliseconds() ?? time.Milliseconds() + 1;
        var beforeId = "";
        if (request.Cursor is { } cursor)
        {
            var dot = cursor.IndexOf('.', StringComparison.Ordinal);
            if (
                dot < 0
                || !long.TryParse(cursor.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out before)
                || !Guid.TryParse(cursor.AsSpan(dot + 1), out var last)
            )
                return AdminErrors.Invalid("cursor", "This is no cursor of an earlier page. Leave it out for the first page.");
            beforeId = last.ToString().ToUpperInvariant();
        }
        var limit = Math.Clamp(request.Limit, 1, Most);
        var rows = await ReadAsync(request, before, beforeId, limit + 1, cancellationToken);
        if (rows.Count <= limit)
            return new CallPage(rows, null);
        rows.RemoveAt(limit);
        return new CallPage(
            rows,
            string.Create(CultureInfo.InvariantCulture, $"{rows[^1].CreatedAt.ToUnixTimeMilliseconds()}.{rows[^1].Id}")
        );
    }

    private Task<List<CallInfo>> ReadAsync(
        ListCallsQuery request,
        long before,
        string beforeId,
        int most,
        CancellationToken cancellationToken
    )
    {
        var id = LedgerSql.SortableId(database.Provider);
        List<(string, object?)> parameters =
        [
            ("@from", request.From?.ToUnixTimeMilliseconds() ?? 0),
            ("@before", before),
            ("@id", beforeId),
            ("@most", most),
        ];
        var filters = "";
        Filter("user_id", request.UserId);
        Filter("provider", request.Provider);
        Filter("model", request.Model);
        if (request.Outcome == "failed")
            filters += $" AND outcome NOT IN ('{CallOutcome.Completed}', '{CallOutcome.Cancelled}')";
        else
            Filter("outcome", request.Outcome);
        return database.ReadAsync(
            $"SELECT {LedgerSql.Columns} FROM llm_usage WHERE created_at >= @from AND created_at <= @before "
                + $"AND (created_at < @before OR {id} < @id){filters} ORDER BY created_at DESC, {id} DESC LIMIT @most",
            LedgerSql.Read,
            [.. parameters],
            cancellationToken
        );

        void Filter(string column, string? value)
        {
            if (value is null)
                return;
            // The name is ours; the value is a parameter.
            filters += $" AND {column} = @{column}";
            parameters.Add(("@" + column, value));
        }
    }
}
