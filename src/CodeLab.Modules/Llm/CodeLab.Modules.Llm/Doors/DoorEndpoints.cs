using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Llm.Doors.Anthropic.CountTokens;
using CodeLab.Modules.Llm.Doors.Anthropic.Messages;
using CodeLab.Modules.Llm.Doors.Ollama;
using CodeLab.Modules.Llm.Doors.OpenAi.Chat;
using CodeLab.Modules.Llm.Doors.OpenAi.Embeddings;
using CodeLab.Modules.Llm.Doors.OpenAi.Models;
using CodeLab.Modules.Llm.Doors.OpenAi.Responses;
using CodeLab.Modules.Llm.Doors.Published;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Llm.Doors;

/// <summary>The doors and their addresses (design.md §6, protocol.md §9).</summary>
internal static class DoorEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var pipeline = app.ServiceProvider.GetRequiredService<DoorPipeline>();
        Door(app, pipeline, "/v1/chat/completions", ChatShape.Instance, "CreateChatCompletion");
        Door(app, pipeline, "/v1/responses", ResponsesShape.Instance, "CreateResponse");
        Door(app, pipeline, "/v1/embeddings", EmbeddingsShape.Instance, "CreateEmbeddings");
        Door(app, pipeline, "/v1/messages", MessagesShape.Instance, "CreateMessage");
        Door(app, pipeline, "/v1/messages/count_tokens", CountTokensShape.Instance, "CountTokens");
        Door(app, pipeline, "/api/chat", OllamaShape.Instance, "OllamaChat");
        Door(app, pipeline, "/api/v1/completion", CompletionShape.Instance, "CreateCompletion");
        Door(app, pipeline, "/api/v1/embeddings", PublishedEmbeddingsShape.Instance, "CreatePublishedEmbeddings");
        ModelEndpoints.Map(app);
        TagsEndpoint.Map(app);
        PublishedModelEndpoints.Map(app);
        CacheEndpoints.Map(app);
    }

    private static void Door(IEndpointRouteBuilder app, DoorPipeline pipeline, string path, DoorShape shape, string name)
    {
        var most = app.ServiceProvider.GetRequiredService<IOptions<LlmOptions>>().Value.MaxRequestMegabytes * 1024L * 1024;
        app.MapPost(path, (RequestDelegate)(http => pipeline.RunAsync(http, shape)))
            .RequireAuthorization(Policies.Invoke)
            .WithMetadata(new DoorMetadata(shape), new BodyLimit(most))
            .WithTags("Models")
            .WithName(name);
    }

    private sealed class BodyLimit(long bytes) : IRequestSizeLimitMetadata
    {
        public long? MaxRequestBodySize => bytes;
    }
}

/// <summary>Tells which door an endpoint is, to those who answer before it is reached.</summary>
internal sealed record DoorMetadata(DoorShape Shape);
