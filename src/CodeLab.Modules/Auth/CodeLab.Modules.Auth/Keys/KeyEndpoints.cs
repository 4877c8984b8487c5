using System.Security.Claims;
using System.Text.Json.Serialization;
using CodeLab.BuildingBlocks.Cluster;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Persistence;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Keys;

/// <summary>Routes of the signing keys, for administrators.</summary>
internal static class KeyEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var keys = app.MapGroup("/api/v1/admin/signing-keys").WithTags("Auth").RequireAuthorization(Policies.Admin);
        keys.MapGet("/", List).WithName("ListSigningKeys").Produces<KeyList>().WithSummary("Lists the published signing keys");
        keys.MapPost("/rotate", RotateAsync)
            .WithName("RotateSigningKey")
            .Produces<KeyList>()
            .WithSummary("Publishes a new signing key, which signs two hours later; with compromised=true it signs at once, alone");
    }

    private static IResult List(KeyRing ring, TimeProvider time) => Results.Json(Show(ring, time), KeysJson.Default.KeyList);

    private static async Task<IResult> RotateAsync(
        ClaimsPrincipal user,
        KeyRing ring,
        IClusterBus bus,
        TimeProvider time,
        CancellationToken cancellationToken,
        bool compromised = false
    )
    {
        await ring.RotateAsync(user.GetUserId(), compromised, cancellationToken);
        await bus.PublishAsync(KeyWatch.Channel, default, CancellationToken.None);
        return Results.Json(Show(ring, time), KeysJson.Default.KeyList);
    }

    private static KeyList Show(KeyRing ring, TimeProvider time)
    {
        var now = time.Milliseconds();
        var signer = ring.Signer.Key.KeyId;
        return new([
            .. ring.Published.Select(k => new KeyInfo(
                k.Id,
                k.Id == signer ? "signing"
                    : k.ActivatesAt > now ? "published"
                    : "retiring",
                At(k.CreatedAt),
                At(k.ActivatesAt),
                k.RetiresAt is { } retires ? At(retires) : null
            )),
        ]);
    }

    private static DateTimeOffset At(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
}

internal sealed record KeyList(IReadOnlyList<KeyInfo> Keys);

/// <summary>A signing key as administrators see it.</summary>
/// <param name="Kid">Key id.</param>
/// <param name="State"><c>published</c> (signs later), <c>signing</c>, or <c>retiring</c> (only its tokens are still accepted).</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="ActivatesAt">From when on it signs.</param>
/// <param name="RetiresAt">From when on it is refused.</param>
internal sealed record KeyInfo(string Kid, string State, DateTimeOffset CreatedAt, DateTimeOffset ActivatesAt, DateTimeOffset? RetiresAt);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(CodeLab.Protocol.UtcTimestampConverter)]
)]
[JsonSerializable(typeof(KeyList))]
internal sealed partial class KeysJson : JsonSerializerContext;
