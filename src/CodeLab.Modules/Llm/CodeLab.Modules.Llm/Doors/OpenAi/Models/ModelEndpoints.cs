using System.Security.Claims;
using System.Text.Json;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Llm.Doors.Anthropic;
using CodeLab.Modules.Llm.Doors.OpenAi.Chat;
using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Providers.Anthropic;
using CodeLab.Protocol.Rest;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Llm.Doors.OpenAi.Models;

/// <summary><c>GET /v1/models</c> and <c>/v1/models/{id}</c>: in Anthropic's form for clients that say its version, else in OpenAI's.</summary>
internal static class ModelEndpoints
{
    /// <summary>Nobody tells us when a model was made, and clients want a time.</summary>
    private static readonly DateTimeOffset _made = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/v1/models", ListAsync)
            .RequireAuthorization(Policies.Invoke)
            .WithMetadata(new DoorMetadata(ChatShape.Instance))
            .WithTags("Models")
            .WithName("ListOpenAiModels");
        app.MapGet("/v1/models/{**id}", GetAsync)
            .RequireAuthorization(Policies.Invoke)
            .WithMetadata(new DoorMetadata(ChatShape.Instance))
            .WithTags("Models")
            .WithName("GetOpenAiModel");
    }

    private static async Task ListAsync(HttpContext http, ClaimsPrincipal user, ISender sender, CancellationToken cancellationToken)
    {
        var models = await sender.Send(new ListModelsQuery(user.GetUserId()), cancellationToken);
        await AnswerAsync(
            http,
            json =>
            {
                json.WriteStartObject();
                if (!IsAnthropic(http))
                    json.WriteString("object", "list");
                json.WriteStartArray("data");
                foreach (var model in models)
                    Write(json, model, IsAnthropic(http));
                json.WriteEndArray();
                if (IsAnthropic(http))
                {
                    json.WriteBoolean("has_more", false);
                    json.WriteString("first_id", models is [var first, ..] ? first.Id : null);
                    json.WriteString("last_id", models is [.., var last] ? last.Id : null);
                }
                json.WriteEndObject();
            }
        );
    }

    private static async Task GetAsync(
        HttpContext http,
        string id,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        // Clients write the slash of a name with its provider as %2F, which routing leaves as it is.
        var model = await sender.Send(new ResolveModelQuery(user.GetUserId(), Uri.UnescapeDataString(id)), cancellationToken);
        if (model.Error is { } unknown)
        {
            var error = DoorError.From(unknown) with { Status = 404 };
            http.Response.StatusCode = 404;
            await AnswerAsync(
                http,
                json =>
                {
                    if (IsAnthropic(http))
                        AnthropicErrors.Write(json, error, http.TraceIdentifier);
                    else
                        OpenAiErrors.Write(json, error);
                }
            );
            return;
        }
        await AnswerAsync(http, json => Write(json, model.Value!, IsAnthropic(http)));
    }

    private static bool IsAnthropic(HttpContext http) => http.Request.Headers.ContainsKey(AnthropicWire.VersionHeader);

    private static void Write(Utf8JsonWriter json, ModelInfo model, bool anthropic)
    {
        json.WriteStartObject();
        json.WriteString("id", model.Id);
        if (anthropic)
        {
            json.WriteString("type", "model");
            json.WriteString("display_name", model.Id);
            json.WriteString("created_at", _made);
        }
        else
        {
            json.WriteString("object", "model");
            json.WriteNumber("created", _made.ToUnixTimeSeconds());
            json.WriteString("owned_by", model.Provider);
        }
        json.WriteEndObject();
    }

    private static async Task AnswerAsync(HttpContext http, Action<Utf8JsonWriter> write)
    {
        http.Response.ContentType = "application/json";
        using (var json = new Utf8JsonWriter(http.Response.BodyWriter))
            write(json);
        await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
    }
}
