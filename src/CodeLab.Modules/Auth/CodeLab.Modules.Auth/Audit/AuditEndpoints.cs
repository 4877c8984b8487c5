using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Audit;

/// <summary>The audit for administrators: search, verification, export (design.md §14).</summary>
internal static class AuditEndpoints
{
    private const int MostAtOnce = 500;
    private const int ExportPiece = 500;
    private static readonly byte[] _newLine = "\n"u8.ToArray();

    public static void Map(IEndpointRouteBuilder app)
    {
        var audit = app.MapGroup("/api/v1/admin/audit").WithTags("Audit").RequireAuthorization(Policies.Admin);
        audit.MapGet("/", ListAsync).WithName("ListAudit").WithSummary("Events of the audit, newest first").Produces<AuditPage>();
        audit.MapGet("/verify", VerifyAsync).WithName("VerifyAudit").WithSummary("Checks the hash chain").Produces<AuditVerdict>();
        audit
            .MapGet("/export", ExportAsync)
            .WithName("ExportAudit")
            .Produces<string>(StatusCodes.Status200OK, "application/jsonl")
            .WithSummary("Events as JSON Lines, oldest first");
    }

    private static async Task<IResult> ListAsync(
        HttpContext context,
        AuditReader audit,
        CancellationToken cancellationToken,
        int limit = 100,
        string? cursor = null
    )
    {
        if (TryFilter(context.Request.Query, out var filter) is { } fault)
            return fault.ToProblem(context);
        if (!TryCursor(cursor, out var before))
            return Invalid("cursor", "The cursor is not one this list gave.").ToProblem(context);
        limit = Math.Clamp(limit, 1, MostAtOnce);
        var found = await audit.NewestAsync(filter, before, limit + 1, cancellationToken);
        var page = found.Take(limit).ToList();
        var names = await audit.NamesAsync(page.SelectMany(Ids), cancellationToken);
        var next = found.Count > limit ? page[^1].Row.Seq.ToString(CultureInfo.InvariantCulture) : null;
        return Results.Json(new AuditPage([.. page.Select(e => ToLine(e, names))], next), AuditJson.Default.AuditPage);
    }

    /// <summary><c>?number=</c> and <c>?hash=</c> name a link noted earlier, e.g. in another system: the chain must still hold it.</summary>
    private static async Task<IResult> VerifyAsync(
        HttpContext context,
        AuditVerifier verifier,
        AuditSealer sealer,
        CancellationToken cancellationToken,
        long? number = null,
        string? hash = null
    )
    {
        if (number is < 1)
            return Invalid("number", "The number of a link is 1 or more.").ToProblem(context);
        if (hash is not null && (number is null || hash.Length != 64 || !hash.All(char.IsAsciiHexDigit)))
            return Invalid("hash", "Send the number of the link and its hash of 64 hexadecimal digits.").ToProblem(context);
        // What was committed by now is to be judged, too.
        await sealer.SealAsync(cancellationToken);
        var verdict = await verifier.VerifyAsync(number ?? sealer.LastNumber, hash?.ToLowerInvariant(), cancellationToken);
        return Results.Json(verdict, AuditJson.Default.AuditVerdict);
    }

    private static async Task ExportAsync(HttpContext context, AuditReader audit, CancellationToken cancellationToken)
    {
        if (TryFilter(context.Request.Query, out var filter) is { } fault)
        {
            await ProblemResults.WriteAsync(context, fault);
            return;
        }
        context.Response.ContentType = "application/jsonl; charset=utf-8";
        context.Response.Headers.ContentDisposition = "attachment; filename=\"codelab-audit.jsonl\"";
        var body = context.Response.BodyWriter;
        await using var json = new Utf8JsonWriter(body);
        long after = 0;
        // Piece by piece: neither is a transaction held open while a slow reader reads, nor are rows gathered in memory.
        while (await audit.OldestAsync(filter, after, ExportPiece, cancellationToken) is { Count: > 0 } piece)
        {
            var names = await audit.NamesAsync(piece.SelectMany(Ids), cancellationToken);
            foreach (var entry in piece)
            {
                JsonSerializer.Serialize(json, ToLine(entry, names), AuditJson.Default.AuditLine);
                await json.FlushAsync(cancellationToken);
                await body.WriteAsync(_newLine, cancellationToken);
                json.Reset();
            }
            after = piece[^1].Row.Seq;
        }
        await body.FlushAsync(cancellationToken);
    }

    private static IEnumerable<string?> Ids(AuditEntry entry) => [entry.Row.Actor, entry.Row.Subject];

    private static AuditLine ToLine(AuditEntry entry, Dictionary<string, string> names)
    {
        var row = entry.Row;
        return new(row.Id, DateTimeOffset.FromUnixTimeMilliseconds(row.Time), row.Type, AuditNames.Published(row.Type), row.Outcome)
        {
            Number = entry.Number,
            Hash = entry.Hash is null ? null : Convert.ToHexStringLower(entry.Hash),
            Actor = row.Actor,
            ActorName = AuditReader.ActorName(row.Actor, names),
            Subject = row.Subject,
            SubjectName = AuditReader.SubjectName(row, names),
            Session = row.Session,
            Ip = row.Ip,
            UserAgent = row.UserAgent,
            ClientId = row.ClientId,
            Reason = row.Reason,
            Metadata = row.Metadata is null ? null : JsonElement.Parse(row.Metadata),
        };
    }

    private static Error? TryFilter(IQueryCollection query, out AuditFilter filter)
    {
        string? Text(string name) => query[name].ToString() is { Length: > 0 } text ? text : null;
        filter = new()
        {
            Types = Text("type")?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
            Actor = Text("actor"),
            Subject = Text("subject"),
            Outcome = Text("outcome"),
            Session = Text("session"),
        };
        if (filter.Types?.Count > 50)
            return Invalid("type", "Name at most 50 types.");
        if (filter.Outcome is not (null or "success" or "failure" or "denied"))
            return Invalid("outcome", "The outcome is success, failure or denied.");
        if (!TryTime(Text("from"), out var from))
            return Invalid("from", "Times look like 2026-03-02T08:15:00Z.");
        if (!TryTime(Text("to"), out var to))
            return Invalid("to", "Times look like 2026-03-02T08:15:00Z.");
        filter = filter with { From = from, To = to };
        return null;
    }

    private static bool TryTime(string? text, out DateTimeOffset? time)
    {
        time = null;
        if (text is null)
            return true;
        var isTime = DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var parsed);
        time = isTime ? parsed : null;
        return isTime;
    }

    private static bool TryCursor(string? cursor, out long? before)
    {
        before = null;
        if (cursor is null)
            return true;
        var isNumber = long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out var place);
        before = isNumber ? place : null;
        return isNumber;
    }

    private static Error Invalid(string field, string message) =>
        new("INVALID_REQUEST", message, 400) { Details = new Dictionary<string, string> { ["field"] = field } };
}

/// <summary>A page of the audit.</summary>
internal sealed record AuditPage(IReadOnlyList<AuditLine> Events, string? NextCursor);

/// <summary>An event as the API and the export show it.</summary>
/// <param name="Id">Id.</param>
/// <param name="Time">When.</param>
/// <param name="Type">Name of the event (security.md §13).</param>
/// <param name="EventType">Its published name (protocol.md §2.8), where that differs.</param>
/// <param name="Outcome"><c>success</c>, <c>failure</c> or <c>denied</c>.</param>
internal sealed record AuditLine(string Id, DateTimeOffset Time, string Type, string EventType, string Outcome)
{
    /// <summary>Number in the chain; null while it is not sealed.</summary>
    public long? Number { get; init; }
    public string? Hash { get; init; }
    public string? Actor { get; init; }
    public string? ActorName { get; init; }
    public string? Subject { get; init; }
    public string? SubjectName { get; init; }
    public string? Session { get; init; }
    public string? Ip { get; init; }
    public string? UserAgent { get; init; }
    public string? ClientId { get; init; }
    public string? Reason { get; init; }
    public JsonElement? Metadata { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(CodeLab.Protocol.UtcTimestampConverter)]
)]
[JsonSerializable(typeof(AuditPage))]
[JsonSerializable(typeof(AuditVerdict))]
internal sealed partial class AuditJson : JsonSerializerContext;
