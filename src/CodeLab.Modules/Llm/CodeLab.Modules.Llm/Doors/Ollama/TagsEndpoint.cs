using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Llm.Models;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Llm.Doors.Ollama;

/// <summary><c>GET /api/tags</c> and <c>/api/version</c>, by which Ollama's clients look for models and for Ollama.</summary>
internal static class TagsEndpoint
{
    /// <summary>Version of Ollama whose chat this is.</summary>
    private const string Version = "0.12.0";

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/api/tags", ListAsync)
            .RequireAuthorization(Policies.Invoke)
            .WithMetadata(new DoorMetadata(OllamaShape.Instance))
            .WithTags("Models")
            .WithName("OllamaTags");
        app.MapGet("/api/version", VersionAsync)
            .RequireAuthorization(Policies.Invoke)
            .WithMetadata(new DoorMetadata(OllamaShape.Instance))
            .WithTags("Models")
            .WithName("OllamaVersion");
    }

    private static async Task ListAsync(HttpContext http, ClaimsPrincipal user, ISender sender, CancellationToken cancellationToken)
    {
        var models = await sender.Send(new ListModelsQuery(user.GetUserId()), cancellationToken);
        http.Response.ContentType = "application/json";
        using (var json = new Utf8JsonWriter(http.Response.BodyWriter))
        {
            json.WriteStartObject();
            json.WriteStartArray("models");
            foreach (var model in models)
            {
                json.WriteStartObject();
                json.WriteString("name", model.Id);
                json.WriteString("model", model.Id);
                json.WriteString("modified_at", "2025-01-01T00:00:00Z");
                json.WriteNumber("size", 0);
                // Clients tell models apart by it.
                json.WriteString("digest", Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(model.Id))));
                json.WriteStartObject("details");
                json.WriteString("family", model.Provider);
                json.WriteEndObject();
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        await http.Response.BodyWriter.FlushAsync(cancellationToken);
    }

    private static async Task VersionAsync(HttpContext http, CancellationToken cancellationToken)
    {
        http.Response.ContentType = "application/json";
        using (var json = new Utf8JsonWriter(http.Response.BodyWriter))
        {
            json.WriteStartObject();
            json.WriteString("version", Version);
            json.WriteEndObject();
        }
        await http.Response.BodyWriter.FlushAsync(cancellationToken);
    }
}
