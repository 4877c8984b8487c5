using System.Text.Json;
using System.Text.Json.Serialization;
using CodeLab.Modules.Llm.Budgets;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>
/// A call whose money is reserved. Written behind the call's back, so that admission does not wait for the disk; a call that ends before its
/// turn came is not written at all.
/// </summary>
internal sealed class OpenedCall(UsageEntry estimate, Reserved[] reserved)
{
    private volatile bool _isSettled;

    public Guid Id => estimate.Id;

    /// <summary>On record as open; known to the ledger's writer only.</summary>
    public bool IsWritten { get; set; }

    public bool IsSettled
    {
        get => _isSettled;
        set => _isSettled = value;
    }

    public OpenCall ToRow()
    {
        var facts = new OpenCallFacts(estimate, [.. reserved.Select(r => r.Pool.Key)]);
        return new OpenCall(estimate.Id, estimate.CreatedAt, JsonSerializer.Serialize(facts, UsageJson.Default.OpenCallFacts));
    }
}

/// <summary>What becomes of an open call whose node died: the entry, as estimated, and the budgets it is charged to.</summary>
internal sealed record OpenCallFacts(UsageEntry Entry, IReadOnlyList<PoolKey> Budgets)
{
    public const string Abandoned = "abandoned";

    public static OpenCallFacts? Read(string json) => JsonSerializer.Deserialize(json, UsageJson.Default.OpenCallFacts);
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(OpenCallFacts))]
internal sealed partial class UsageJson : JsonSerializerContext;
