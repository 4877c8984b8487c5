namespace CodeLab.Modules.Agent.Routing;

/// <summary>
/// The documented fallback of routing (protocol.md §5.2), in English and Russian. Groups are tried in order, the first that matches wins.
/// A word ending in <c>*</c> matches by its beginning, which is what both languages' endings need; one with a blank matches as a phrase.
/// </summary>
internal static class RouteKeywords
{
    private static readonly (string Agent, string[] Words)[] _groups =
    [
        (
            "coder",
            [
                "create*",
                "creating",
                "write",
                "writes",
                "writing",
                "written",
                "implement*",
                "fix",
                "fixes",
                "fixed",
                "fixing",
                "code",
                "coding",
                "refactor*",
                "modify*",
                "modifi*",
                "созда*",
                "напиш*",
                "написа*",
                "пиши",
                "реализ*",
                "исправ*",
                "почин*",
                "поправ*",
                "код",
                "кода",
                "коде",
                "кодом",
                "рефактор*",
                "отрефактор*",
                "измен*",
                "модифиц*",
            ]
        ),
        (
            "architect",
            [
                "design*",
                "architect*",
                "plan",
                "plans",
                "planning",
                "planned",
                "spec",
                "specs",
                "specification*",
                "blueprint*",
                "спроектир*",
                "проектир*",
                "дизайн*",
                "архитектур*",
                "план",
                "плана",
                "планы",
                "планом",
                "планир*",
                "спланир*",
                "запланир*",
                "спецификац*",
                "чертеж*",
                "чертёж*",
                "тз",
            ]
        ),
        (
            "debug",
            [
                "debug*",
                "error*",
                "bug",
                "bugs",
                "buggy",
                "problem*",
                "why",
                "investigat*",
                "crash*",
                "отлад*",
                "отлаж*",
                "ошибк*",
                "ошибок",
                "баг",
                "баги",
                "бага",
                "багов",
                "проблем*",
                "почему",
                "расслед*",
                "разберись",
                "падает",
                "падают",
                "упал*",
                "падени*",
                "краш*",
                "крэш*",
                "вылета*",
            ]
        ),
        (
            "ask",
            [
                "explain*",
                "what is",
                "how does",
                "help*",
                "understand*",
                "объясн*",
                "поясн*",
                "что такое",
                "как работает",
                "как устроен*",
                "помог*",
                "помощ*",
                "понять",
                "понима*",
                "расскаж*",
            ]
        ),
    ];

    /// <summary>The agent of the first group with a word in the text, and that word; <c>coder</c> and null when there is none.</summary>
    public static (string Agent, string? Keyword) Find(string text)
    {
        var words = Words(text);
        foreach (var (agent, keywords) in _groups)
        {
            foreach (var keyword in keywords)
            {
                if (Contains(words, keyword))
                    return (agent, keyword.TrimEnd('*'));
            }
        }
        return ("coder", null);
    }

    /// <summary>The words in lower case, each between single blanks, with a blank before the first and after the last.</summary>
    private static string Words(string text)
    {
        // Long pastes are logs and files; the wish stands in the first lines.
        var length = Math.Min(text.Length, 20_000);
        return string.Create(
            length + 2,
            (text, length),
            static (span, state) =>
            {
                span[0] = ' ';
                span[^1] = ' ';
                for (var i = 0; i < state.length; i++)
                    span[i + 1] = char.IsLetterOrDigit(state.text[i]) ? char.ToLowerInvariant(state.text[i]) : ' ';
            }
        );
    }

    private static bool Contains(string words, string keyword)
    {
        if (keyword.Contains(' ', StringComparison.Ordinal))
            words = string.Join(' ', words.Split(' ', StringSplitOptions.RemoveEmptyEntries).Prepend("").Append(""));
        return keyword[^1] == '*'
            ? words.Contains(string.Concat(" ", keyword.AsSpan(0, keyword.Length - 1)), StringComparison.Ordinal)
            : words.Contains(string.Concat(" ", keyword, " "), StringComparison.Ordinal);
    }
}
