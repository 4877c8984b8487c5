using System.Globalization;
using System.Text.Json;

namespace CodeLab.Client.Tools;

/// <summary>The branch, and the files that differ.</summary>
internal static class GitStatusTool
{
    private const int MaxPaths = 1_000;

    public static LocalTool Tool { get; } = new(Reads: true, ExecuteAsync);

    private static async Task<JsonElement> ExecuteAsync(ToolContext context, ToolArguments arguments, CancellationToken cancellationToken)
    {
        var path = GitProgram.Pathspec(context, arguments.Text("path") is { Length: > 0 } text ? text : ".");
        var prefix = await GitProgram.PrefixAsync(context, cancellationToken);
        var answer = await GitProgram.MustAsync(
            context,
            reads: true,
            ["status", "--porcelain=v2", "--branch", "--untracked-files=all", "-z", "--", path],
            cancellationToken
        );
        return ToolJson.Element(Parse(answer.Output, prefix), ToolJson.Wire.GitStatusResult);
    }

    /// <summary>Reads <c>git status --porcelain=v2 --branch -z</c> (git-status(1), "Porcelain Format Version 2").</summary>
    public static GitStatusResult Parse(string output, string prefix)
    {
        List<string> staged = [],
            modified = [],
            deleted = [],
            untracked = [],
            conflicted = [];
        string? branch = null,
            head = null,
            upstream = null;
        int? ahead = null,
            behind = null;
        var fields = output.Split('\0');
        for (var i = 0; i < fields.Length; i++)
        {
            var field = fields[i];
            if (field.Length < 2)
                continue;
            switch (field[0])
            {
                case '#':
                    var header = field.Split(' ');
                    if (header[1] == "branch.head")
                        branch = header[2] == "(detached)" ? null : header[2];
                    if (header[1] == "branch.oid")
                        head = header[2] == "(initial)" ? null : header[2];
                    if (header[1] == "branch.upstream")
                        upstream = header[2];
                    if (header[1] == "branch.ab")
                    {
                        ahead = int.Parse(header[2], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
                        behind = -int.Parse(header[3], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
                    }
                    break;
                case '1':
                    Changed(field, Rest(field, 8));
                    break;
                case '2':
                    Changed(field, Rest(field, 9));
                    i++; // the name before the renaming is a field of its own
                    break;
                case 'u':
                    conflicted.Add(Own(Rest(field, 10)));
                    break;
                case '?':
                    untracked.Add(Own(field[2..]));
                    break;
                default:
                    break;
            }
        }
        var all = new[] { staged, modified, deleted, untracked, conflicted };
        return new GitStatusResult
        {
            Branch = branch,
            Head = head,
            Upstream = upstream,
            Ahead = ahead,
            Behind = behind,
            Staged = Bounded(staged),
            Modified = Bounded(modified),
            Deleted = Bounded(deleted),
            Untracked = Bounded(untracked),
            Conflicted = Bounded(conflicted),
            Clean = all.All(list => list.Count == 0),
            Truncated = all.Any(list => list.Count > MaxPaths),
        };

        void Changed(string field, string path)
        {
            if (field[2] != '.')
                staged.Add(Own(path));
            if (field[3] == 'D')
                deleted.Add(Own(path));
            else if (field[3] != '.')
                modified.Add(Own(path));
        }

        string Own(string path) => path.StartsWith(prefix, StringComparison.Ordinal) ? path[prefix.Length..] : path;
    }

    private static List<string> Bounded(List<string> paths) => paths.Count <= MaxPaths ? paths : paths[..MaxPaths];

    // What follows the given number of blanks: a path may contain blanks itself.
    private static string Rest(string field, int blanks)
    {
        var position = 0;
        for (var i = 0; i < blanks; i++)
            position = field.IndexOf(' ', position) + 1;
        return field[position..];
    }
}
