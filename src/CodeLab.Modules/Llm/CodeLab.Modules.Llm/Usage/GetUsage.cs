using System.Data.Common;
using System.Text;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Budgets;
using CodeLab.Modules.Llm.Persistence;
using MediatR;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>Answers from the roll-ups alone: hours where an hour matters, else days.</summary>
internal sealed class GetUsageHandler(Database database) : IRequestHandler<GetUsageQuery, Result<UsageReport>>
{
    private const long Hour = 3_600_000;
    private const long Day = 24 * Hour;
    private const int MostDays = 3_700;

    public async Task<Result<UsageReport>> Handle(GetUsageQuery request, CancellationToken cancellationToken)
    {
        if (ColumnOf(request.By) is not { } column)
            return AdminErrors.Invalid("by", "Choose user, team, agent, model, provider or key.");
        if (request.Bucket is not (null or "hour" or "day" or "week" or "month"))
            return AdminErrors.Invalid("bucket", "Choose hour, day, week or month.");
        if (request.To <= request.From || request.To - request.From > TimeSpan.FromDays(MostDays))
            return AdminErrors.Invalid("to", "The end lies after the start, and at most ten years.");
        var (from, to) = (request.From.ToUnixTimeMilliseconds(), request.To.ToUnixTimeMilliseconds());
        var byHour = request.Bucket == "hour" || (request.Bucket is null && (from % Day != 0 || to % Day != 0));
        var unit = byHour ? Hour : Day;
        from -= from % unit;
        to += (unit - to % unit) % unit;
        var sums = await ReadAsync(request, column, byHour, from, to, cancellationToken);
        var rows = sums.GroupBy(s => (Start: BucketOf(s.Start, request.Bucket), s.Key))
            .Select(g => Row(g.Key.Start, request.By is null ? null : g.Key.Key, g))
            .OrderBy(r => r.Start)
            .ThenByDescending(r => r.Cost)
            .ThenBy(r => r.Key, StringComparer.Ordinal)
            .ToList();
        return new UsageReport(
            DateTimeOffset.FromUnixTimeMilliseconds(from),
            DateTimeOffset.FromUnixTimeMilliseconds(to),
            rows,
            Row(null, null, sums)
        );
    }

    private async Task<List<Sums>> ReadAsync(
        GetUsageQuery request,
        string column,
        bool byHour,
        long from,
        long to,
        CancellationToken cancellationToken
    )
    {
        var start = request.Bucket is null ? "0" : "start";
        // Names of columns and tables are ours; every value is a parameter.
        var sql = new StringBuilder("SELECT ")
            .Append(start)
            .Append(", ")
            .Append(column)
            .Append(", SUM(calls), SUM(failed), SUM(cache_hits), SUM(input_tokens), SUM(output_tokens), SUM(cached_tokens), ")
            .Append("SUM(reasoning_tokens), SUM(cost_nanos), SUM(unpriced), SUM(duration_ms) FROM ")
            .Append(byHour ? "llm_usage_hours" : "llm_usage_days")
            .Append(" WHERE start >= @from AND start < @to");
        var parameters = new List<(string, object?)> { ("@from", from), ("@to", to) };
        Filter("user_id", request.UserId);
        Filter("agent", request.Agent);
        Filter("provider", request.Provider);
        Filter("model", request.Model);
        Filter("key_id", request.KeyId);
        if (request.TeamIds is { } teams)
        {
            sql.Append(" AND team_id IN (");
            for (var i = 0; i < teams.Count; i++)
            {
                sql.Append(i == 0 ? "" : ", ").Append(System.Globalization.CultureInfo.InvariantCulture, $"@t{i}");
                parameters.Add(($"@t{i}", teams[i]));
            }
            sql.Append(teams.Count == 0 ? "NULL)" : ")");
        }
        sql.Append(" GROUP BY 1, 2");
        return await database.ReadAsync(sql.ToString(), Sums.Read, [.. parameters], cancellationToken);

        void Filter(string name, string? value)
        {
            if (value is null)
                return;
            sql.Append(" AND ").Append(name).Append(" = @").Append(name);
            parameters.Add(("@" + name, value));
        }
    }

    private static string? ColumnOf(string? by) =>
        by switch
        {
            null => "''",
            "user" => "user_id",
            "team" => "team_id",
            "agent" => "agent",
            "model" => "model",
            "provider" => "provider",
            "key" => "key_id",
            _ => null,
        };

    private static DateTimeOffset? BucketOf(long start, string? bucket)
    {
        var time = DateTimeOffset.FromUnixTimeMilliseconds(start);
        return bucket switch
        {
            null => null,
            "week" => DateTimeOffset.FromUnixTimeMilliseconds(BudgetPeriod.Week.StartOf(time)),
            "month" => DateTimeOffset.FromUnixTimeMilliseconds(BudgetPeriod.Month.StartOf(time)),
            _ => time,
        };
    }

    private static UsageRow Row(DateTimeOffset? start, string? key, IEnumerable<Sums> sums)
    {
        var sum = sums.Aggregate(new Sums(0, "", new long[10]), (a, b) => a.Plus(b)).Counts;
        return new UsageRow
        {
            Start = start,
            Key = key,
            Calls = sum[0],
            Failed = sum[1],
            CacheHits = sum[2],
            InputTokens = sum[3],
            OutputTokens = sum[4],
            CachedTokens = sum[5],
            ReasoningTokens = sum[6],
            Cost = sum[7] / 1_000_000_000m,
            UnpricedCalls = sum[8],
            AverageMs = sum[0] == 0 ? 0 : Math.Round((double)sum[9] / sum[0], 1),
        };
    }

    private sealed record Sums(long Start, string Key, long[] Counts)
    {
        public static Sums Read(DbDataReader row)
        {
            var counts = new long[10];
            for (var i = 0; i < counts.Length; i++)
                // PostgreSQL sums bigints to numeric.
                counts[i] = Convert.ToInt64(row.GetValue(i + 2), System.Globalization.CultureInfo.InvariantCulture);
            return new(Convert.ToInt64(row.GetValue(0), System.Globalization.CultureInfo.InvariantCulture), row.GetString(1), counts);
        }

        public Sums Plus(Sums other)
        {
            for (var i = 0; i < Counts.Length; i++)
                Counts[i] += other.Counts[i];
            return this;
        }
    }
}
