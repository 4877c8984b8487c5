using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Persistence;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Llm.Privacy;

/// <summary>Switches the keeping of contents, and shows them; the audit hears of both.</summary>
internal sealed class ContentAdmin(Database database, ControlStore control, TimeProvider time, IAuditTrail? audit = null)
    : IRequestHandler<SetContentLoggingCommand, Result<ContentLogging>>,
        IRequestHandler<GetContentLoggingQuery, ContentLogging>,
        IRequestHandler<ListContentsQuery, IReadOnlyList<ContentInfo>>
{
    private const int MostMinutes = 1440;
    private const int MostRows = 200;

    public Task<Result<ContentLogging>> Handle(SetContentLoggingCommand request, CancellationToken cancellationToken)
    {
        if (request.Minutes is < 0 or > MostMinutes)
            return Fault("minutes", "Contents are kept for 1 to 1440 minutes; 0 ends it.");
        if (request.Minutes > 0 && request.Reason is not { Length: > 0 and <= 200 })
            return Fault("reason", "Say in up to 200 characters why contents are to be kept: it goes into the audit.");
        var until = request.Minutes == 0 ? (DateTimeOffset?)null : time.GetUtcNow().AddMinutes(request.Minutes);
        return control.ChangeAsync<ContentLogging>(
            async (connection, transaction) =>
            {
                await connection.ExecuteAsync(
                    "INSERT INTO llm_settings (name, number) VALUES (@n, @v) ON CONFLICT (name) DO UPDATE SET number = excluded.number",
                    transaction,
                    ("@n", ControlSettings.ContentUntil),
                    ("@v", until?.ToUnixTimeMilliseconds() ?? 0L)
                );
                var told = Event(request.Actor, "settings.changed", request.Minutes == 0 ? "off" : request.Reason) with
                {
                    Metadata = new Dictionary<string, object?> { ["minutes"] = request.Minutes },
                };
                return new Changed<ContentLogging>(new ContentLogging(until is not null, until), told);
            },
            cancellationToken
        );

        static Task<Result<ContentLogging>> Fault(string field, string message) =>
            Task.FromResult<Result<ContentLogging>>(AdminErrors.Invalid(field, message));
    }

    public Task<ContentLogging> Handle(GetContentLoggingQuery request, CancellationToken cancellationToken)
    {
        var until = control.Current.ContentUntil;
        return Task.FromResult(until > time.GetUtcNow() ? new ContentLogging(true, until) : new ContentLogging(false, null));
    }

    public async Task<IReadOnlyList<ContentInfo>> Handle(ListContentsQuery request, CancellationToken cancellationToken)
    {
        if (audit is not null)
            await audit.AppendAsync(
                Event(request.Actor, "content.read", null) with
                {
                    Subject = request.UserId ?? "all",
                },
                cancellationToken
            );
        return await database.ReadAsync(
            "SELECT call_id, user_id, request, response, created_at, expires_at FROM llm_contents WHERE expires_at > @now"
                + (request.UserId is null ? "" : " AND user_id = @user")
                + " ORDER BY created_at DESC LIMIT @most",
            row => new ContentInfo(
                row.GetString(0),
                row.GetString(1),
                row.Text(2),
                row.Text(3),
                DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(4)),
                DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(5))
            ),
            [
                ("@now", time.Milliseconds()),
                ("@most", Math.Clamp(request.Limit, 1, MostRows)),
                .. request.UserId is null ? [] : new (string, object?)[] { ("@user", request.UserId) },
            ],
            cancellationToken
        );
    }

    private static AuditEvent Event(AdminActor actor, string type, string? reason) =>
        new(type)
        {
            Actor = actor.UserId,
            Subject = "content-logging",
            Ip = actor.Ip,
            UserAgent = actor.UserAgent,
            Reason = reason,
        };
}

internal static class ContentEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var contents = app.MapGroup("/api/v1/admin/content-logging").WithTags("Privacy").RequireAuthorization(Policies.Admin);
        contents
            .MapGet("/", GetAsync)
            .WithName("GetContentLogging")
            .Produces<ContentLogging>()
            .WithSummary("Tells whether contents of calls are kept");
        contents
            .MapPut("/", SetAsync)
            .WithName("SetContentLogging")
            .Produces<ContentLogging>()
            .WithSummary("Keeps contents of calls for some minutes");
        contents.MapGet("/contents", ListAsync).WithName("ListContents").Produces<Page<ContentInfo>>().WithSummary("Shows kept contents");
    }

    private static async Task<IResult> GetAsync(ISender sender, CancellationToken cancellationToken) =>
        Results.Json(await sender.Send(new GetContentLoggingQuery(), cancellationToken), AdminJson.Default.ContentLogging);

    private static async Task<IResult> SetAsync(
        ContentLoggingBody body,
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken
    ) =>
        (await sender.Send(new SetContentLoggingCommand(context.Actor(addresses), body.Minutes, body.Reason), cancellationToken)).ToAnswer(
            context,
            AdminJson.Default.ContentLogging
        );

    private static async Task<IResult> ListAsync(
        HttpContext context,
        ClientAddress addresses,
        ISender sender,
        CancellationToken cancellationToken,
        string? user = null,
        int limit = 50
    ) =>
        Results.Json(
            new Page<ContentInfo>(await sender.Send(new ListContentsQuery(context.Actor(addresses), user, limit), cancellationToken)),
            AdminJson.Default.PageContentInfo
        );
}

/// <summary>Body of the switch.</summary>
internal sealed record ContentLoggingBody(int Minutes, string? Reason);
