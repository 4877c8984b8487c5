using System.Text.Json;

namespace CodeLab.Client.Tools;

/// <summary>Changes parts of a text file by SEARCH/REPLACE blocks, all or nothing.</summary>
/// <remarks>
/// A file that changed after it was read is not refused as it is for <c>write_file</c>: the old text in the blocks is the check, and edits
/// somebody made elsewhere in the file survive. The result says so.
/// </remarks>
internal static class ApplyDiffTool
{
    public static LocalTool Tool { get; } = new(Reads: false, ExecuteAsync) { Preview = PreviewAsync, Change = FileChangeKind.Modify };

    private sealed record Plan(LoadedText Old, string Raw, byte[] Bytes, IReadOnlyList<AppliedBlock> Blocks);

    private static async Task<JsonElement> ExecuteAsync(ToolContext context, ToolArguments arguments, CancellationToken cancellationToken)
    {
        var plan = await PlanAsync(context, arguments, cancellationToken);
        var changed = context.Files.ChangedSinceSeen(plan.Old);
        await context.Files.WriteAsync(plan.Old.Path, plan.Bytes, plan.Old.Format, plan.Old.Hash, cancellationToken);
        var (added, removed) = TextLines.Changed(plan.Old.Normalized, TextLines.Normalize(plan.Raw));
        var result = new ApplyDiffResult
        {
            Path = plan.Old.Path.Relative,
            Applied = plan.Blocks.Count,
            LinesAdded = added,
            LinesRemoved = removed,
            Blocks = plan.Blocks,
            Note = changed
                ? "The file had been changed by somebody else after you read it; your blocks still applied. Read it again before you rely on its other parts."
                : null,
        };
        return ToolJson.Element(result, ToolJson.Wire.ApplyDiffResult);
    }

    private static async Task<FileChangePreview?> PreviewAsync(
        ToolContext context,
        ToolArguments arguments,
        CancellationToken cancellationToken
    )
    {
        var plan = await PlanAsync(context, arguments, cancellationToken);
        return new FileChangePreview
        {
            Kind = FileChangeKind.Modify,
            Path = plan.Old.Path.Relative,
            OldText = plan.Old.Normalized,
            NewText = TextLines.Normalize(plan.Raw),
        };
    }

    private static async Task<Plan> PlanAsync(ToolContext context, ToolArguments arguments, CancellationToken cancellationToken)
    {
        var path = context.Root.Resolve(arguments.RequiredText("path", "file_path", "file"));
        var diff = arguments.RequiredText("diff", "content");
        var old = await context.Files.ReadTextAsync(path, arguments.Text("encoding"), remember: false, cancellationToken);
        var outcome = DiffApplier.Apply(old.Raw, diff, path.Relative);
        if (outcome.Error is { } error)
            throw new ToolFailure(ToolErrorCodes.PatchApplyFailed, error);
        return new Plan(old, outcome.Text!, context.Files.Encode(path, outcome.Text!, old.Format), outcome.Blocks);
    }
}
