using System.Text;
using Microsoft.Extensions.AI;

namespace CodeLab.Modules.Llm.Providers;

/// <summary>
/// Arguments of tool calls as the model wrote them. The adapters hand out parsed ones only, and lose a text that is no JSON; the agent wants to
/// show the model its own mistake.
/// </summary>
internal sealed class RawArguments
{
    private const string Property = "codelab.arguments";
    private readonly Dictionary<long, StringBuilder> _texts = [];
    private readonly List<long> _order = [];

    /// <summary>A further piece for the call at an index.</summary>
    public void Append(long index, string piece)
    {
        if (!_texts.TryGetValue(index, out var text))
        {
            _texts[index] = text = new StringBuilder();
            _order.Add(index);
        }
        text.Append(piece);
    }

    /// <summary>The text for the call at an index, which ends with it.</summary>
    public string? Take(long index) => _texts.Remove(index, out var text) ? text.ToString() : null;

    /// <summary>Indexes in the order in which they appeared.</summary>
    public IReadOnlyList<long> Indexes => [.. _order];

    public static void Attach(FunctionCallContent call, string text) => (call.AdditionalProperties ??= [])[Property] = text;

    public static string? Of(FunctionCallContent call) =>
        call.AdditionalProperties?.TryGetValue(Property, out var text) == true ? text as string : null;
}
