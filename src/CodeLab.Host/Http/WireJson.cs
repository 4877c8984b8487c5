using System.Text.Json;
using System.Text.Json.Serialization;
using CodeLab.Protocol;

namespace CodeLab.Host.Http;

/// <summary>Bodies of all routes are read and written as the wire records are: snake_case, no null members, source-generated where listed.</summary>
internal static class WireJson
{
    public static void AddWireJson(this WebApplicationBuilder builder) =>
        builder.Services.ConfigureHttpJsonOptions(http =>
        {
            var json = http.SerializerOptions;
            json.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            json.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
            json.AllowOutOfOrderMetadataProperties = true;
            json.AllowDuplicateProperties = false;
            json.MaxDepth = 64;
            json.Converters.Add(new UtcTimestampConverter());
            json.TypeInfoResolverChain.Insert(0, ProtocolJson.Default);
        });
}
