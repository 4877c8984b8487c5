namespace CodeLab.Modules.Llm.Admission;

/// <summary>What a user, the members of a team or everybody may do. Null members leave the decision to the next wider rule.</summary>
/// <param name="Models">Names, aliases and patterns such as <c>openai/*</c>.</param>
/// <param name="RequestsPerMinute">Requests a minute and user.</param>
/// <param name="TokensPerMinute">Tokens a minute and user, in and out.</param>
/// <param name="Concurrent">Calls at once and user.</param>
internal sealed record AccessRule(PermittedModels? Models, int? RequestsPerMinute, int? TokensPerMinute, int? Concurrent)
{
    public const string Everyone = "everyone";
    public const string Team = "team";
    public const string User = "user";
}

/// <summary>A list of permitted models.</summary>
internal sealed class PermittedModels
{
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly List<string> _prefixes = [];

    public PermittedModels(IEnumerable<string> patterns)
    {
        Patterns = [.. patterns];
        foreach (var pattern in Patterns)
        {
            if (pattern.EndsWith('*'))
                _prefixes.Add(pattern[..^1]);
            else
                _names.Add(pattern);
        }
    }

    public IReadOnlyList<string> Patterns { get; }

    /// <summary>True when a name is listed as it is.</summary>
    public bool Contains(string name)
    {
        if (_names.Contains(name))
            return true;
        foreach (var prefix in _prefixes)
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal))
                return true;
        }
        return false;
    }

    /// <summary>True when a model is listed by its own name or with its provider.</summary>
    public bool Contains(string provider, string model) => Contains(model) || Contains($"{provider}/{model}");
}
