using System.Text.Json.Serialization;
using CodeLab.Modules.Llm.Usage;

namespace CodeLab.Modules.Llm.Admin;

/// <summary>JSON of the administrators' routes, as every wire record: snake_case, no null members.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(Page<ProviderInfo>))]
[JsonSerializable(typeof(Page<RouteInfo>))]
[JsonSerializable(typeof(Page<BudgetInfo>))]
[JsonSerializable(typeof(Page<AccessRuleInfo>))]
[JsonSerializable(typeof(Page<EgressInfo>))]
[JsonSerializable(typeof(Page<ContentInfo>))]
[JsonSerializable(typeof(ProviderDraft))]
[JsonSerializable(typeof(ProviderTest))]
[JsonSerializable(typeof(RewrapAnswer))]
[JsonSerializable(typeof(RouteDraft))]
[JsonSerializable(typeof(PriceList))]
[JsonSerializable(typeof(PriceInfo))]
[JsonSerializable(typeof(BudgetDraft))]
[JsonSerializable(typeof(Deleted))]
[JsonSerializable(typeof(ContentLogging))]
[JsonSerializable(typeof(CacheStats))]
[JsonSerializable(typeof(Page<ProviderHealth>))]
[JsonSerializable(typeof(CallPage))]
[JsonSerializable(typeof(UsageReport))]
[JsonSerializable(typeof(Dictionary<string, decimal>))]
internal sealed partial class AdminJson : JsonSerializerContext;

/// <summary>A list in an answer.</summary>
internal sealed record Page<T>(IReadOnlyList<T> Items);
