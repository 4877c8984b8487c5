namespace CodeLab.Client.Tools;

/// <summary>
/// How the indentation of a file differs from that of a model's text: one rule for all lines of a block, or none. The new text is
/// indented by the same rule. Pure.
/// </summary>
internal abstract record Indentation
{
    private static readonly int[] TabWidths = [4, 2, 8, 3];

    /// <summary>A line of the model's new text as the file would indent it.</summary>
    public string Apply(string line)
    {
        if (string.IsNullOrWhiteSpace(line))
            return "";
        var indent = Of(line);
        return string.Concat(Shift(indent), line.AsSpan(indent.Length));
    }

    protected abstract string Shift(string indent);

    public static string Of(string line)
    {
        var length = 0;
        while (length < line.Length && line[length] is ' ' or '\t')
            length++;
        return line[..length];
    }

    /// <summary>Finds the rule that turns every indentation on the left into the one on the right; null when there is none.</summary>
    /// <param name="pairs">Indentation of the model and of the file, line by line, without blank lines.</param>
    public static Indentation? Between(IReadOnlyList<(string Model, string File)> pairs)
    {
        if (pairs.Count == 0)
            return new Added("");
        var (model, file) = pairs[0];
        if (file.EndsWith(model, StringComparison.Ordinal) && Holds(new Added(file[..^model.Length]), pairs) is { } added)
            return added;
        if (model.EndsWith(file, StringComparison.Ordinal) && Holds(new Removed(model[..^file.Length]), pairs) is { } removed)
            return removed;

        foreach (var width in TabWidths)
        {
            if (
                pairs.All(p => !p.File.Contains(' ', StringComparison.Ordinal))
                && Holds(new ToTabs(width, Width(file, width) - Width(model, width)), pairs) is { } tabs
            )
                return tabs;
            if (
                pairs.All(p => !p.File.Contains('\t', StringComparison.Ordinal))
                && Holds(new ToSpaces(width, Width(file, width) - Width(model, width)), pairs) is { } spaces
            )
                return spaces;
        }

        // Two blanks a level in the model's text and four in the file, or the other way round.
        foreach (var (from, to) in new[] { (2, 4), (4, 2), (2, 8), (8, 2), (4, 8), (8, 4), (2, 3), (3, 2), (4, 3), (3, 4) })
        {
            if (model.Length % from != 0)
                continue;
            if (Holds(new Scaled(from, to, file.Length - model.Length / from * to), pairs) is { } scaled)
                return scaled;
        }
        return null;
    }

    private static Indentation? Holds(Indentation rule, IReadOnlyList<(string Model, string File)> pairs)
    {
        foreach (var (model, file) in pairs)
            if (!rule.Covers(model) || rule.Shift(model) != file)
                return null;
        return rule;
    }

    protected virtual bool Covers(string indent) => true;

    private static int Width(string indent, int tab)
    {
        var width = 0;
        foreach (var c in indent)
            width = c == '\t' ? (width / tab + 1) * tab : width + 1;
        return width;
    }

    private sealed record Added(string Prefix) : Indentation
    {
        protected override string Shift(string indent) => Prefix + indent;
    }

    private sealed record Removed(string Prefix) : Indentation
    {
        // A new line may be indented less than all old ones: it goes to the margin.
        protected override string Shift(string indent) =>
            indent.StartsWith(Prefix, StringComparison.Ordinal) ? indent[Prefix.Length..] : "";

        protected override bool Covers(string indent) => indent.StartsWith(Prefix, StringComparison.Ordinal);
    }

    private sealed record ToTabs(int TabWidth, int Offset) : Indentation
    {
        protected override string Shift(string indent)
        {
            var width = Math.Max(0, Width(indent, TabWidth) + Offset);
            return new string('\t', width / TabWidth) + new string(' ', width % TabWidth);
        }
    }

    private sealed record ToSpaces(int TabWidth, int Offset) : Indentation
    {
        protected override string Shift(string indent) => new(' ', Math.Max(0, Width(indent, TabWidth) + Offset));
    }

    private sealed record Scaled(int From, int To, int Offset) : Indentation
    {
        protected override string Shift(string indent)
        {
            var width = Width(indent, 4);
            return new string(' ', Math.Max(0, width / From * To + width % From + Offset));
        }

        protected override bool Covers(string indent) => indent.Length % From == 0 && !indent.Contains('\t', StringComparison.Ordinal);
    }
}
