using System.Globalization;
using CodeLab.Cli.Terminal;
using CodeLab.Client.Tools;
using DiffPlex;
using DiffPlex.DiffBuilder;
using DiffPlex.DiffBuilder.Model;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace CodeLab.Cli.Approvals;

/// <summary>What a call would change, as a coloured diff with line numbers; what stays the same is folded away.</summary>
internal static class DiffView
{
    /// <summary>Lines of context around a change.</summary>
    public const int Context = 3;

    private static readonly Style Added = new(Color.Green);
    private static readonly Style Removed = new(Color.Red);
    private static readonly Style Dim = new(Color.Grey);

    /// <param name="change">The change.</param>
    /// <param name="most">Most lines drawn; the rest is counted.</param>
    public static IReadOnlyList<IRenderable> Draw(FileChangePreview change, int most = int.MaxValue)
    {
        var header = change.Kind switch
        {
            FileChangeKind.Create => $"new file {change.Path}",
            FileChangeKind.Delete => $"delete {change.Path}",
            FileChangeKind.Move => $"move {change.Path} → {change.NewPath}",
            _ => change.Path,
        };
        var lines = new List<IRenderable>();
        if (change.Error is { } error)
        {
            lines.Add(new Paragraph(header, new Style(decoration: Decoration.Bold)));
            lines.Add(new Paragraph($"It would fail: {error}", new Style(Color.Yellow)));
            return lines;
        }
        if (change.Kind == FileChangeKind.Move || (change.OldText is null && change.NewText is null))
        {
            lines.Add(new Paragraph(header, new Style(decoration: Decoration.Bold)));
            return lines;
        }

        var diff = Compare(change.OldText ?? "", change.NewText ?? "");
        var added = diff.Count(line => line.Kind == ChangeType.Inserted);
        var removed = diff.Count(line => line.Kind == ChangeType.Deleted);
        lines.Add(
            new Paragraph(header, new Style(decoration: Decoration.Bold)).Append($"  +{added}", Added).Append($" −{removed}", Removed)
        );
        var digits = Math.Max(3, diff.Count.ToString(CultureInfo.InvariantCulture).Length);
        var shown = Fold(diff);
        foreach (var line in shown.Take(most))
            lines.Add(Draw(line, digits));
        if (shown.Count > most)
            lines.Add(new Paragraph($"… {shown.Count - most} more lines", Dim));
        return lines;
    }

    internal readonly record struct Line(ChangeType Kind, int? Old, int? New, string Text);

    internal static List<Line> Compare(string before, string after)
    {
        var lines = new List<Line>();
        int old = 0,
            @new = 0;
        // The newline at the end of a text ends its last line and begins no other.
        var (first, second) = (WithoutEnd(before), WithoutEnd(after));
        foreach (var piece in InlineDiffBuilder.Diff(Differ.Instance, first, second, ignoreWhiteSpace: false).Lines)
        {
            // An empty text is no line, although splitting it gives one.
            if (piece.Type == ChangeType.Deleted && before.Length == 0)
                continue;
            if (piece.Type == ChangeType.Inserted && after.Length == 0)
                continue;
            lines.Add(
                piece.Type switch
                {
                    ChangeType.Inserted => new Line(ChangeType.Inserted, null, ++@new, piece.Text),
                    ChangeType.Deleted => new Line(ChangeType.Deleted, ++old, null, piece.Text),
                    _ => new Line(ChangeType.Unchanged, ++old, ++@new, piece.Text),
                }
            );
        }
        if (before.Length > 0 && after.Length > 0 && before.EndsWith('\n') != after.EndsWith('\n'))
            lines.Add(new Line(ChangeType.Inserted, null, null, after.EndsWith('\n') ? "(newline at the end)" : "(no newline at the end)"));
        return lines;
    }

    private static string WithoutEnd(string text) => text.EndsWith('\n') ? text[..^1] : text;

    /// <summary>Keeps changes and their surroundings; what is left out becomes one line that counts it.</summary>
    internal static List<Line> Fold(List<Line> lines)
    {
        var keep = new bool[lines.Count];
        for (var i = 0; i < lines.Count; i++)
        {
            if (lines[i].Kind == ChangeType.Unchanged)
                continue;
            for (var j = Math.Max(0, i - Context); j <= Math.Min(lines.Count - 1, i + Context); j++)
                keep[j] = true;
        }
        var folded = new List<Line>();
        for (var i = 0; i < lines.Count; )
        {
            if (keep[i])
            {
                folded.Add(lines[i++]);
                continue;
            }
            var from = i;
            while (i < lines.Count && !keep[i])
                i++;
            folded.Add(new Line(ChangeType.Imaginary, null, null, $"{i - from} unchanged lines"));
        }
        return folded;
    }

    private static Paragraph Draw(Line line, int digits)
    {
        // Tabs and escape sequences of the file must not reach the terminal as such.
        var text = SafeText.Plain(line.Text);
        var number = (line.New ?? line.Old)?.ToString(CultureInfo.InvariantCulture).PadLeft(digits) ?? new string(' ', digits);
        var paragraph = new Paragraph { Overflow = Overflow.Fold };
        return line.Kind switch
        {
            ChangeType.Inserted => paragraph.Append($"{number} ", Dim).Append($"+ {text}", Added),
            ChangeType.Deleted => paragraph.Append($"{number} ", Dim).Append($"- {text}", Removed),
            ChangeType.Imaginary => paragraph.Append($"{number} ⋮ {text}", Dim),
            _ => paragraph.Append($"{number} ", Dim).Append($"  {text}"),
        };
    }
}
