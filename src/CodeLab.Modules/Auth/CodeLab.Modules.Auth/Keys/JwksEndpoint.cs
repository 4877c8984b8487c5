using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Keys;

/// <summary>Publishes the keys (protocol.md §2.4). Ours rather than OpenIddict's, which shows keys that its options had at start only.</summary>
internal static class JwksEndpoint
{
    public const string Path = "/.well-known/jwks.json";

    public static void Map(IEndpointRouteBuilder app) =>
        app.MapGet(Path, Get)
            .AllowAnonymous()
            .WithName("GetKeys")
            .Produces<KeySet>()
            .WithSummary("Public keys of access tokens")
            .WithTags("Auth");

    private static IResult Get(KeyRing ring, HttpContext context)
    {
        context.Response.Headers.CacheControl = "public, max-age=3600";
        var keys = ring.Published.Select(k => new Key("RSA", "sig", k.Id, "RS256", k.Modulus, k.Exponent)).ToArray();
        return Results.Json(new KeySet(keys), JwksJson.Default.KeySet);
    }

    internal sealed record KeySet(IReadOnlyList<Key> Keys);

    internal sealed record Key(string Kty, string Use, string Kid, string Alg, string N, string E);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(JwksEndpoint.KeySet))]
internal sealed partial class JwksJson : JsonSerializerContext;
