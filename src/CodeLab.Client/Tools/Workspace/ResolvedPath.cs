namespace CodeLab.Client.Tools;

/// <summary>A path of the workspace with every link on the way followed, judged to be inside.</summary>
/// <param name="Relative">As the model writes it: relative, with <c>/</c>, <c>.</c> for the root.</param>
/// <param name="Full">Where it really is: absolute, without links (but for a last link, when the link itself was asked for).</param>
/// <param name="IsRoot">Whether it is the workspace itself.</param>
internal sealed record ResolvedPath(string Relative, string Full, bool IsRoot)
{
    /// <summary>The directory it lies in. Of the root, the root itself.</summary>
    public string Parent => IsRoot ? Full : Path.GetDirectoryName(Full)!;

    public string Name => Path.GetFileName(Full);
}
