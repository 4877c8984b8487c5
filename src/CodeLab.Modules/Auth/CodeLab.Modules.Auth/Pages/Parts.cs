namespace CodeLab.Modules.Auth.Pages;

/// <summary>An input with its label, advice and error, tied together for screen readers.</summary>
internal sealed record Field(string Name, string Label)
{
    public string Type { get; init; } = "text";

    public string? Value { get; init; }

    public string? Hint { get; init; }

    public string? Error { get; init; }

    /// <summary>What browsers and password managers may fill in (HTML, "autofill").</summary>
    public string Autocomplete { get; init; } = "off";

    public bool IsRequired { get; init; } = true;

    public bool IsFirst { get; init; }

    /// <summary>Digits only: phones show the number pad.</summary>
    public bool IsCode { get; init; }

    public int MaxLength { get; init; } = 255;

    public string? Pattern { get; init; }

    public Html Show(PageContext page)
    {
        var described = new List<string>();
        if (Hint is not null)
            described.Add(Name + "-hint");
        if (Error is not null)
            described.Add(Name + "-error");
        return Html.Of(
            $"""
            <div class="field">
            <label for="{Name}">{Label}</label>
            <input id="{Name}" name="{Name}" type="{Type}" value="{Value}" autocomplete="{Autocomplete}" maxlength="{MaxLength}"{Flags(
                described
            )}>
            {(Hint is null ? Html.Empty : Html.Of($"""<p class="hint" id="{Name}-hint">{Hint}</p>"""))}
            {(Error is null ? Html.Empty : Html.Of($"""<p class="error" id="{Name}-error">{Error}</p>"""))}
            </div>
            """
        );

        Html Flags(List<string> describedBy) =>
            Html.Join([
                IsRequired ? Html.Literal(" required") : Html.Empty,
                IsFirst ? Html.Literal(" autofocus") : Html.Empty,
                IsCode ? Html.Literal(" inputmode=\"numeric\" class=\"code\"") : Html.Empty,
                Pattern is null ? Html.Empty : Html.Of($" pattern=\"{Pattern}\""),
                Error is null ? Html.Empty : Html.Literal(" aria-invalid=\"true\""),
                describedBy.Count == 0 ? Html.Empty : Html.Of($" aria-describedby=\"{string.Join(' ', describedBy)}\""),
                Type == "password"
                    ? Html.Of($" data-reveal=\"{page.Say("Show", "Показать")}\" data-hide=\"{page.Say("Hide", "Скрыть")}\"")
                    : Html.Empty,
                Type is "text" or "email" ? Html.Literal(" autocapitalize=\"none\" spellcheck=\"false\"") : Html.Empty,
            ]);
    }
}

/// <summary>Small parts of pages.</summary>
internal static class Parts
{
    /// <summary>What went wrong, at the top of a form, read out at once.</summary>
    public static Html Problem(string? text) =>
        text is null ? Html.Empty : Html.Of($"""<div class="notice bad" role="alert">{text}</div>""");

    /// <summary>What was done.</summary>
    public static Html Done(string? text) =>
        text is null ? Html.Empty : Html.Of($"""<div class="notice good" role="status">{text}</div>""");

    public static Html Hidden(string name, string? value) => Html.Of($"""<input type="hidden" name="{name}" value="{value}">""");

    public static Html Tag(string text) => Html.Of($"""<span class="tag">{text}</span>""");

    /// <summary>A section of an account page.</summary>
    public static Html Section(string id, string title, string? text, Html body) =>
        Html.Of(
            $"""
            <section class="panel" aria-labelledby="{id}">
            <h2 id="{id}">{title}</h2>
            {(text is null ? Html.Empty : Html.Of($"<p class=\"soft\">{text}</p>"))}
            {body}
            </section>
            """
        );

    /// <summary>A button that is a form of its own: one action on one thing.</summary>
    public static Html Action(
        PageContext page,
        string action,
        string text,
        (string Name, string Value)? value = null,
        string style = "quiet",
        string? label = null
    ) =>
        Html.Of(
            $"""
            <form method="post" action="{action}">{page.Token()}{(
                value is { } v ? Hidden(v.Name, v.Value) : Html.Empty
            )}<button class="{style}" type="submit" aria-label="{label ?? text}">{text}</button></form>
            """
        );

    /// <summary>A secret that is shown once, with a button to copy it (which appears with JavaScript).</summary>
    public static Html Secret(PageContext page, string id, string label, string value) =>
        Html.Of(
            $"""
            <div class="secret"><label for="{id}">{label}</label>
            <input id="{id}" class="mono" value="{value}" readonly data-copy="{page.Say("Copy", "Копировать")}" data-copied="{page.Say(
                "Copied",
                "Скопировано"
            )}" autocomplete="off" spellcheck="false"></div>
            """
        );
}
