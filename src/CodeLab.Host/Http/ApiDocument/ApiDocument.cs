using System.Text.Json.Nodes;
using CodeLab.Protocol.Rest;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;

namespace CodeLab.Host.Http.ApiDocument;

/// <summary>The OpenAPI document, in development only (security.md §10): every route with its bodies and an example of each.</summary>
internal static class ApiDocument
{
    public static void AddApiDocument(this WebApplicationBuilder builder)
    {
        if (!builder.Environment.IsDevelopment())
            return;
        builder.Services.AddOpenApi(document =>
        {
            document.AddDocumentTransformer(Introduce);
            document.AddOperationTransformer<ExampleTransformer>();
        });
    }

    private static Task Introduce(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        document.Info.Title = "CodeLab";
        document.Info.Description =
            "Sign in at /oauth/token and send the access token as Authorization: Bearer. Bodies are JSON in snake_case, absent members are "
            + "never null. Refusals have the members error, error_code, message and detail. docs/protocol.md has the live doors and examples.";
        document.Components ??= new();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
        {
            ["bearer"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer" },
        };
        return Task.CompletedTask;
    }

    /// <summary>Puts an example beside every JSON body.</summary>
    private sealed class ExampleTransformer(IOptions<JsonOptions> json) : IOpenApiOperationTransformer
    {
        private readonly ExampleMaker _maker = new(json.Value.SerializerOptions);

        public Task TransformAsync(
            OpenApiOperation operation,
            OpenApiOperationTransformerContext context,
            CancellationToken cancellationToken
        )
        {
            var body = context.Description.ParameterDescriptions.FirstOrDefault(p => p.Source == BindingSource.Body)?.Type;
            Add(operation.RequestBody?.Content, body, 200);
            foreach (var answer in context.Description.SupportedResponseTypes)
            {
                var status = answer.StatusCode.ToString(System.Globalization.CultureInfo.InvariantCulture);
                if (operation.Responses?.TryGetValue(status, out var response) == true)
                    Add(response.Content, answer.Type, answer.StatusCode);
            }
            return Task.CompletedTask;
        }

        private void Add(IDictionary<string, OpenApiMediaType>? contents, Type? type, int status)
        {
            if (contents is null || type is null || type == typeof(void))
                return;
            foreach (var (kind, content) in contents)
            {
                if (kind.Contains("json", StringComparison.Ordinal))
                    content.Example ??= type == typeof(ErrorBody) ? ErrorExample(status) : _maker.Make(type);
            }
        }

        private static JsonObject ErrorExample(int status)
        {
            var error = StatusErrors.Of(status);
            return new JsonObject
            {
                ["error"] = error.Code,
                ["error_code"] = error.Code,
                ["message"] = error.Message,
                ["detail"] = error.Message,
                ["correlation_id"] = "0HNB2C4F1QK7M:00000001",
            };
        }
    }
}
