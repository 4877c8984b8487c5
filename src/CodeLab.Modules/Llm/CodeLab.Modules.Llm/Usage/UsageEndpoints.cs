using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Users;
using CodeLab.Modules.Llm.Admin;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Llm.Usage;

internal static class UsageEndpoints
{
    private const int UsualDays = 30;

    public static void Map(IEndpointRouteBuilder app)
    {
        var usage = app.MapGroup("/api/v1/usage").WithTags("Usage").RequireAuthorization(Policies.Read);
        usage.MapGet("/", GetAsync).WithName("GetUsage").Produces<UsageReport>().WithSummary("Sums calls, tokens and cost");
        usage
            .MapGet("/calls.csv", ExportAsync)
            .WithName("ExportUsage")
            .Produces<string>(StatusCodes.Status200OK, "text/csv")
            .WithSummary("Exports the calls themselves as CSV");
        usage.MapGet("/calls", ListCallsAsync).WithName("ListCalls").Produces<CallPage>().WithSummary("Lists the newest calls");
        app.MapGet("/api/v1/admin/egress", ListEgressAsync)
            .WithTags("Usage")
            .WithName("ListEgress")
            .Produces<Page<EgressInfo>>()
            .WithSummary("Lists the hosts this installation calls")
            .RequireAuthorization(Policies.Admin);
    }

    private static async Task<IResult> GetAsync(
        HttpContext context,
        ISender sender,
        TimeProvider time,
        CancellationToken cancellationToken,
        DateTimeOffset? from = null,
        DateTimeOffset? to = null,
        string? by = null,
        string? bucket = null,
        string? user = null,
        string? team = null,
        string? agent = null,
        string? provider = null,
        string? model = null,
        string? key = null
    )
    {
        var (until, since) = Range(time, from, to);
        var query = new GetUsageQuery
        {
            From = since,
            To = until,
            By = by,
            Bucket = bucket,
            UserId = user,
            TeamIds = team is null ? null : [team],
            Agent = agent,
            Provider = provider,
            Model = model,
            KeyId = key,
        };
        if (!context.User.IsInRole(Roles.Admin))
            query = await NarrowAsync(query, context.User, sender, cancellationToken);
        return (await sender.Send(query, cancellationToken)).ToAnswer(context, AdminJson.Default.UsageReport);
    }

    private static async Task<IResult> ListCallsAsync(
        HttpContext context,
        ISender sender,
        CancellationToken cancellationToken,
        DateTimeOffset? from = null,
        DateTimeOffset? to = null,
        string? user = null,
        string? provider = null,
        string? model = null,
        string? outcome = null,
        string? cursor = null,
        int limit = 100
    )
    {
        var query = new ListCallsQuery
        {
            From = from,
            To = to,
            UserId = context.User.IsInRole(Roles.Admin) ? user : context.User.GetUserId(),
            Provider = provider,
            Model = model,
            Outcome = outcome,
            Cursor = cursor,
            Limit = limit,
        };
        return (await sender.Send(query, cancellationToken)).ToAnswer(context, AdminJson.Default.CallPage);
    }

    private static async Task ExportAsync(
        HttpContext context,
        ISender sender,
        TimeProvider time,
        CancellationToken cancellationToken,
        DateTimeOffset? from = null,
        DateTimeOffset? to = null,
        string? user = null
    )
    {
        var (until, since) = Range(time, from, to);
        var whose = context.User.IsInRole(Roles.Admin) ? user : context.User.GetUserId();
        context.Response.ContentType = "text/csv; charset=utf-8";
        context.Response.Headers.ContentDisposition = "attachment; filename=\"calls.csv\"";
        var calls = sender.CreateStream(new StreamCallsQuery(since, until, whose), cancellationToken);
        await CallsCsv.WriteAsync(calls, context.Response.BodyWriter, cancellationToken);
    }

    private static async Task<IResult> ListEgressAsync(ISender sender, CancellationToken cancellationToken) =>
        Results.Json(new Page<EgressInfo>(await sender.Send(new ListEgressQuery(), cancellationToken)), AdminJson.Default.PageEgressInfo);

    private static (DateTimeOffset To, DateTimeOffset From) Range(TimeProvider time, DateTimeOffset? from, DateTimeOffset? to)
    {
        var until = to ?? time.GetUtcNow().AddHours(1);
        return (until, from ?? until.AddDays(-UsualDays));
    }

    /// <summary>Who is no administrator sees the teams they lead, else themselves (security.md §6).</summary>
    private static async Task<GetUsageQuery> NarrowAsync(
        GetUsageQuery query,
        ClaimsPrincipal caller,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        var id = caller.GetUserId();
        if (query.TeamIds is { Count: > 0 } asked)
        {
            var user = await sender.Send(new GetUserQuery(id), cancellationToken);
            var led = user?.Teams.Where(t => t.IsLead).Select(t => t.Id).ToHashSet(StringComparer.Ordinal) ?? [];
            if (asked.All(led.Contains))
                return query;
        }
        return query with { UserId = id };
    }
}

internal sealed class ListEgressHandler(BuildingBlocks.Data.Database database, EgressBook book)
    : IRequestHandler<ListEgressQuery, IReadOnlyList<EgressInfo>>
{
    public async Task<IReadOnlyList<EgressInfo>> Handle(ListEgressQuery request, CancellationToken cancellationToken)
    {
        await book.FlushAsync(cancellationToken);
        return await Persistence.Sql.ReadAsync(
            database,
            "SELECT host, reason, provider, calls, first_call_at, last_call_at FROM llm_egress ORDER BY last_call_at DESC",
            row => new EgressInfo(
                row.GetString(0),
                row.GetString(1),
                Persistence.Sql.Text(row, 2),
                row.GetInt64(3),
                DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(4)),
                DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(5))
            ),
            [],
            cancellationToken
        );
    }
}
