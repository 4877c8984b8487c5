namespace CodeLab.Client.Storage;

/// <summary>Files and folders that only their owner may read: they hold tokens, passwords and what tools read.</summary>
internal static class OwnerOnly
{
    private const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public static void CreateDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(path);
        else
            Directory.CreateDirectory(path, FileMode | UnixFileMode.UserExecute);
    }

    /// <summary>Replaces a file as a whole: a reader sees the old text or the new one, and a crash leaves one of the two.</summary>
    public static async Task WriteAsync(string path, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            await using (var file = new FileStream(temporary, Options(System.IO.FileMode.CreateNew, FileShare.None)))
            {
                await file.WriteAsync(bytes, cancellationToken);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Opens a file whose being open is the lock; null when another process holds it. The system lets go of it in every case.</summary>
    public static FileStream? TryLock(string path)
    {
        CreateDirectory(Path.GetDirectoryName(path)!);
        try
        {
            return new FileStream(path, Options(System.IO.FileMode.OpenOrCreate, FileShare.None));
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>Waits for the lock.</summary>
    /// <exception cref="TimeoutException">Another process kept it for longer than <paramref name="patience"/>.</exception>
    public static async Task<FileStream> LockAsync(string path, TimeSpan patience, TimeProvider time, CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        while (true)
        {
            if (TryLock(path) is { } held)
                return held;
            if (time.GetElapsedTime(begun) > patience)
                throw new TimeoutException($"Another codelab process has held {path} for {patience.TotalSeconds:0} seconds.");
            await Task.Delay(TimeSpan.FromMilliseconds(20), time, cancellationToken);
        }
    }

    private static FileStreamOptions Options(FileMode mode, FileShare share)
    {
        var options = new FileStreamOptions
        {
            Mode = mode,
            Access = FileAccess.ReadWrite,
            Share = share,
            Options = FileOptions.Asynchronous,
        };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = OwnerOnly.FileMode;
        return options;
    }
}
