using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace CodeLab.Client.Tools;

/// <summary>A text file as it was read.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Raw">The text with its own newlines, without the byte order mark.</param>
/// <param name="Format">How it is stored.</param>
/// <param name="Hash">SHA-256 of the bytes.</param>
/// <param name="Size">The bytes on disk.</param>
internal sealed record LoadedText(ResolvedPath Path, string Raw, TextFormat Format, string Hash, long Size)
{
    public string Normalized { get; } = TextLines.Normalize(Raw);
}

/// <summary>
/// Reads and writes the files of a workspace through the jail, and remembers for one session what the agent has seen of each,
/// so that a write never tramples on what a person did meanwhile.
/// </summary>
internal sealed class WorkspaceFiles(WorkspaceRoot root, LocalToolOptions options)
{
    private readonly record struct Seen(string Hash, TextFormat Format);

    private readonly ConcurrentDictionary<string, Seen> _seen = new(StringComparer.Ordinal);

    public WorkspaceRoot Root => root;

    public LocalToolOptions Options => options;

    /// <exception cref="ToolFailure">Jail, FILE_NOT_FOUND, NOT_A_FILE, FILE_TOO_LARGE.</exception>
    public async Task<byte[]> ReadBytesAsync(ResolvedPath path, long limit, CancellationToken cancellationToken)
    {
        if (path.IsRoot)
            throw new ToolFailure(
                ToolErrorCodes.NotAFile,
                "'.' is the workspace itself, a directory. Use list_files to see what is in it."
            );
        try
        {
            using var directory = PinnedDirectory.OpenParent(root, path);
            using var handle = directory.OpenFile(root, path);
            var length = RandomAccess.GetLength(handle);
            if (length > limit)
                throw TooLarge(path, length, limit);

            // A file that grows while it is read (or one of /proc, whose length says 0) is read to the limit, not to its first length.
            using var buffer = new MemoryStream((int)length);
            var chunk = new byte[(int)Math.Clamp(length + 1, 4096, 1024 * 1024)];
            int count;
            while ((count = await RandomAccess.ReadAsync(handle, chunk, buffer.Length, cancellationToken)) > 0)
            {
                buffer.Write(chunk, 0, count);
                if (buffer.Length > limit)
                    throw TooLarge(path, buffer.Length, limit);
            }
            return buffer.ToArray();
        }
        catch (Exception e) when (e is FileNotFoundException || e is ToolFailure { Code: ToolErrorCodes.DirectoryNotFound })
        {
            throw NotFound(path);
        }
    }

    /// <summary>Reads a text file; what is read counts as seen by the agent when <paramref name="remember"/> is set.</summary>
    public async Task<LoadedText> ReadTextAsync(ResolvedPath path, string? encoding, bool remember, CancellationToken cancellationToken)
    {
        var bytes = await ReadBytesAsync(path, options.MaxReadFileBytes, cancellationToken);
        var known = _seen.TryGetValue(path.Full, out var seen) ? seen.Format : null;
        var (text, format) = TextCodec.Decode(path.Relative, bytes, encoding, known);
        var hash = HashOf(bytes);
        if (remember)
            _seen[path.Full] = new Seen(hash, format);
        return new LoadedText(path, text, format, hash, bytes.Length);
    }

    /// <summary>Reads a file that may be missing.</summary>
    public async Task<LoadedText?> TryReadTextAsync(ResolvedPath path, string? encoding, CancellationToken cancellationToken) =>
        Exists(path) ? await ReadTextAsync(path, encoding, remember: false, cancellationToken) : null;

    public static bool Exists(ResolvedPath path) => Path.Exists(path.Full) || IsLink(path);

    public static bool IsLink(ResolvedPath path) => new FileInfo(path.Full).LinkTarget is not null;

    public bool WasSeen(ResolvedPath path) => _seen.ContainsKey(path.Full);

    public bool ChangedSinceSeen(LoadedText file) => _seen.TryGetValue(file.Path.Full, out var seen) && seen.Hash != file.Hash;

    public void Forget(ResolvedPath path)
    {
        var below = path.Full + Path.DirectorySeparatorChar;
        foreach (var key in _seen.Keys)
            if (key == path.Full || key.StartsWith(below, StringComparison.Ordinal))
                _seen.TryRemove(key, out _);
    }

    /// <summary>Encodes and checks the size, without writing.</summary>
    public byte[] Encode(ResolvedPath path, string raw, TextFormat format)
    {
        var bytes = TextCodec.Encode(path.Relative, raw, format);
        if (bytes.Length > options.MaxWriteBytes)
            throw new ToolFailure(
                ToolErrorCodes.FileTooLarge,
                $"The text for '{path.Relative}' is {bytes.Length} bytes; {options.MaxWriteBytes} is the limit. Write a smaller file, or split it."
            );
        return bytes;
    }

    /// <summary>
    /// Replaces a file in one step: a temporary file in the same directory, flushed to the disk, renamed over the old one. A crash leaves
    /// the old file or the new one. Mode bits are kept.
    /// </summary>
    /// <param name="path">The resolved file: when the model's path is a link that stays inside, the link stays and its target is written.</param>
    /// <param name="bytes">What to write.</param>
    /// <param name="format">How the text is stored, to be remembered.</param>
    /// <param name="expectedHash">The hash the file must still have; null when it must not exist.</param>
    /// <param name="cancellationToken">Stops before the rename.</param>
    public async Task WriteAsync(
        ResolvedPath path,
        byte[] bytes,
        TextFormat format,
        string? expectedHash,
        CancellationToken cancellationToken
    )
    {
        using var directory = PinnedDirectory.OpenParent(root, path);
        var target = directory.PathOf(path.Name);
        var temporary = directory.PathOf($".codelab-{Guid.NewGuid():N}.tmp");
        try
        {
            var creation = new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                Share = FileShare.None,
            };
            UnixFileMode? mode = null;
            if (!OperatingSystem.IsWindows() && expectedHash is not null)
            {
                mode = File.GetUnixFileMode(target);
                // Narrow at first: a secret must not be readable for a moment through the temporary file.
                creation.UnixCreateMode = mode.Value & (UnixFileMode.UserRead | UnixFileMode.UserWrite) | UnixFileMode.UserWrite;
            }
            await using (var stream = new FileStream(temporary, creation))
            {
                await stream.WriteAsync(bytes, cancellationToken);
                stream.Flush(flushToDisk: true);
            }
            if (mode is { } bits && !OperatingSystem.IsWindows())
                File.SetUnixFileMode(temporary, bits);

            await CheckUnchangedAsync(directory, path, expectedHash, cancellationToken);
            File.Move(temporary, target, overwrite: expectedHash is not null);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
        _seen[path.Full] = new Seen(HashOf(bytes), format);
    }

    // The last look before the rename: the plan was made from what was read a moment ago.
    private async Task CheckUnchangedAsync(
        PinnedDirectory directory,
        ResolvedPath path,
        string? expectedHash,
        CancellationToken cancellationToken
    )
    {
        var exists = Path.Exists(directory.PathOf(path.Name));
        if (expectedHash is null)
        {
            if (exists)
                throw Changed(path);
            return;
        }
        if (!exists)
            throw Changed(path);
        using var handle = directory.OpenFile(root, path);
        await using var stream = new FileStream(handle, FileAccess.Read, bufferSize: 0);
        var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellationToken));
        if (hash != expectedHash)
            throw Changed(path);
    }

    public static ToolFailure Changed(ResolvedPath path) =>
        new(
            ToolErrorCodes.FileChanged,
            $"'{path.Relative}' was changed by somebody else after you read it, so nothing was written. Read it again with read_file and make your change to its present text."
        );

    public ToolFailure NotFound(ResolvedPath path)
    {
        var near = NearestNames.For(root, path);
        var hint =
            near.Count > 0
                ? $"Did you mean {string.Join(" or ", near.Select(n => $"'{n}'"))}?"
                : "Use list_files or search_in_code to find the right path.";
        return new ToolFailure(ToolErrorCodes.FileNotFound, $"There is no file '{path.Relative}'. {hint}");
    }

    private static ToolFailure TooLarge(ResolvedPath path, long length, long limit) =>
        new(
            ToolErrorCodes.FileTooLarge,
            $"'{path.Relative}' is {length} bytes; {limit} is the limit for reading. Use search_in_code to find the lines you need, or execute_command with head, tail or sed -n to show a part of it."
        );

    public static string HashOf(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
