using System.Text.Json.Serialization;

namespace CodeLab.Modules.Llm.Routing;

/// <summary>An alias and the models behind it.</summary>
/// <param name="Id">Row.</param>
/// <param name="Name">Alias, e.g. <c>fast</c>.</param>
/// <param name="Description">For people.</param>
/// <param name="IsWeighted">Shares calls by weight instead of trying in order.</param>
/// <param name="Targets">Never empty.</param>
internal sealed record Route(string Id, string Name, string? Description, bool IsWeighted, IReadOnlyList<RouteTarget> Targets)
{
    public const string Ordered = "ordered";
    public const string Weighted = "weighted";
}

/// <summary>A model behind an alias.</summary>
/// <param name="Model">Name as <c>GET /api/v1/models</c> lists it, with or without its provider.</param>
/// <param name="Weight">Share of the calls, 1 to 1000; of weighted routes only.</param>
internal sealed record RouteTarget(string Model, int Weight = 1);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(List<RouteTarget>))]
internal sealed partial class RouteJson : JsonSerializerContext;
