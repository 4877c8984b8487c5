using System.Security.Claims;
using System.Text.Json;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Llm.Models;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Llm.Doors.Published;

/// <summary><c>GET /api/v1/models/{id}</c> with its prices, and <c>GET /v1/llm/models</c> (protocol.md §9.3).</summary>
internal static class PublishedModelEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/api/v1/models/{**id}", GetAsync).RequireAuthorization(Policies.Read).WithTags("Models").WithName("GetModel");
        app.MapGet("/v1/llm/models", ListAsync)
            .RequireAuthorization(Policies.Invoke)
            .WithMetadata(new DoorMetadata(CompletionShape.Instance))
            .WithTags("Models")
            .WithName("ListLlmModels");
    }

    private static async Task GetAsync(
        HttpContext http,
        string id,
        ClaimsPrincipal user,
        ISender sender,
        ModelFactsBook facts,
        CancellationToken cancellationToken
    )
    {
        id = Uri.UnescapeDataString(id);
        var found = await sender.Send(new ResolveModelQuery(user.GetUserId(), id), cancellationToken);
        if (found.Error is { } unknown)
        {
            await ProblemResults.WriteAsync(http, unknown with { Status = StatusCodes.Status404NotFound });
            return;
        }
        var model = found.Value!;
        var known = facts.Find(id[(id.IndexOf('/', StringComparison.Ordinal) + 1)..]);
        http.Response.ContentType = "application/json";
        using (var json = new Utf8JsonWriter(http.Response.BodyWriter))
        {
            json.WriteStartObject();
            json.WriteString("id", model.Id);
            json.WriteString("provider", model.Provider);
            Number(json, "context_window", model.ContextWindow);
            Number(json, "max_output_tokens", model.MaxOutputTokens);
            json.WriteBoolean("supports_tools", model.SupportsTools);
            json.WriteBoolean("supports_vision", model.SupportsVision);
            if (known is { Input: { } input, Output: { } output })
            {
                // The list has prices of a million tokens.
                json.WriteStartObject("pricing");
                json.WriteNumber("prompt", input / 1000);
                json.WriteNumber("completion", output / 1000);
                json.WriteString("unit", "per_1k_tokens");
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        await http.Response.BodyWriter.FlushAsync(cancellationToken);
    }

    private static async Task ListAsync(HttpContext http, ClaimsPrincipal user, ISender sender, CancellationToken cancellationToken)
    {
        var models = await sender.Send(new ListModelsQuery(user.GetUserId()), cancellationToken);
        http.Response.ContentType = "application/json";
        using (var json = new Utf8JsonWriter(http.Response.BodyWriter))
        {
            json.WriteStartArray();
            foreach (var model in models)
            {
                json.WriteStartObject();
                json.WriteString("id", model.Id);
                json.WriteString("name", model.Id);
                json.WriteString("provider", model.Provider);
                Number(json, "context_length", model.ContextWindow);
                json.WriteBoolean("is_available", true);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        await http.Response.BodyWriter.FlushAsync(cancellationToken);
    }

    private static void Number(Utf8JsonWriter json, string name, int? value)
    {
        if (value is { } number)
            json.WriteNumber(name, number);
        else
            json.WriteNull(name);
    }
}
