using System.Text;
using System.Text.Json;

namespace CodeLab.Client.Tools;

/// <summary>Reads a text file, or lines of it, in whole lines and within a budget.</summary>
internal static class ReadFileTool
{
    public static LocalTool Tool { get; } = new(Reads: true, ExecuteAsync);

    private static async Task<JsonElement> ExecuteAsync(ToolContext context, ToolArguments arguments, CancellationToken cancellationToken)
    {
        var path = context.Root.Resolve(arguments.RequiredText("path", "file_path", "file"));
        var from = arguments.Integer("start_line");
        var to = arguments.Integer("end_line");
        if (from < 1 || to < 1 || to < (from ?? 1))
            throw new ToolFailure(
                ToolErrorCodes.InvalidArguments,
                "Lines count from 1, and 'end_line' must not be before 'start_line'. Correct them and call again."
            );

        var file = await context.Files.ReadTextAsync(path, arguments.Text("encoding"), remember: true, cancellationToken);
        return ToolJson.Element(Slice(file, from ?? 1, to, context.Options.MaxReadResultBytes), ToolJson.Wire.ReadFileResult);
    }

    private static ReadFileResult Slice(LoadedText file, int from, int? to, int limit)
    {
        var text = file.Normalized;
        var total = TextLines.Split(text).Count;
        if (from > Math.Max(1, total))
            throw new ToolFailure(
                ToolErrorCodes.InvalidArguments,
                $"'{file.Path.Relative}' has only {total} lines. Ask for lines up to {total}."
            );

        var start = 0;
        for (var line = 1; line < from; line++)
            start = text.IndexOf('\n', start) + 1;
        var last = Math.Min(to ?? total, total);
        int end = start,
            lines = 0,
            bytes = 0;
        string? note = null;
        for (var line = from; line <= last; line++)
        {
            var next = text.IndexOf('\n', end);
            next = next < 0 ? text.Length : next + 1;
            bytes += Encoding.UTF8.GetByteCount(text.AsSpan(end, next - end));
            if (bytes > limit)
            {
                if (lines > 0)
                    break;
                // One line over the whole budget (minified code, data): its beginning is better than nothing.
                var cut = start + limit / 3;
                if (char.IsHighSurrogate(text[cut - 1]))
                    cut--;
                note = $"Line {line} is {next - end} characters long; only its beginning is shown.";
                lines++;
                end = cut;
                break;
            }
            lines++;
            end = next;
        }

        var reached = from + lines - 1;
        var truncated = note is not null || reached < last;
        if (truncated && reached < total)
            note =
                $"{note} The result was cut to {limit} bytes. Continue with start_line {reached + 1}, or use search_in_code to find the lines you need.".TrimStart();
        return new ReadFileResult
        {
            Path = file.Path.Relative,
            Content = text[start..end],
            LinesRead = lines,
            StartLine = lines == 0 ? 0 : from,
            EndLine = lines == 0 ? 0 : reached,
            TotalLines = total,
            Truncated = truncated,
            NextLine = reached < total && total > 0 ? reached + 1 : null,
            Size = file.Size,
            Encoding = file.Format.Name,
            Note = note,
        };
    }
}
