using System.Text.Json;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Cache;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Llm.Doors.Published;

/// <summary><c>DELETE /api/v1/cache</c> and <c>GET /api/v1/cache/stats</c> (protocol.md §9.4), for administrators: the answers are everybody's.</summary>
internal static class CacheEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapDelete("/api/v1/cache", ClearAsync).RequireAuthorization(Policies.Admin).WithTags("Models").WithName("ClearCache");
        app.MapGet("/api/v1/cache/stats", StatsAsync).RequireAuthorization(Policies.Admin).WithTags("Models").WithName("CacheStats");
    }

    private static async Task ClearAsync(HttpContext http, ClientAddress addresses, ISender sender, CancellationToken cancellationToken)
    {
        var deleted = await sender.Send(new ClearCacheCommand(http.Actor(addresses)), cancellationToken);
        http.Response.ContentType = "application/json";
        using (var json = new Utf8JsonWriter(http.Response.BodyWriter))
        {
            json.WriteStartObject();
            json.WriteString("status", "cleared");
            json.WriteNumber("keys_deleted", deleted);
            json.WriteEndObject();
        }
        await http.Response.BodyWriter.FlushAsync(cancellationToken);
    }

    private static async Task StatsAsync(HttpContext http, AnswerCache cache, CancellationToken cancellationToken)
    {
        var (count, bytes, hits, misses) = cache.Stats;
        var asked = Math.Max(1, hits + misses);
        http.Response.ContentType = "application/json";
        using (var json = new Utf8JsonWriter(http.Response.BodyWriter))
        {
            json.WriteStartObject();
            json.WriteNumber("total_keys", count);
            json.WriteNumber("hit_rate", Math.Round((double)hits / asked, 4));
            json.WriteNumber("miss_rate", Math.Round((double)misses / asked, 4));
            json.WriteNumber("memory_usage_mb", Math.Round(bytes / 1048576.0, 3));
            json.WriteEndObject();
        }
        await http.Response.BodyWriter.FlushAsync(cancellationToken);
    }
}
