using System.Text;

namespace CodeLab.Client.Storage;

/// <summary>Files and folders that only their owner may read, for the faces of the client.</summary>
public static class OwnerOnlyFiles
{
    /// <summary>Makes a folder only its owner may enter.</summary>
    public static void CreateDirectory(string path) => OwnerOnly.CreateDirectory(path);

    /// <summary>Replaces a file as a whole.</summary>
    public static Task WriteAsync(string path, string text, CancellationToken cancellationToken = default) =>
        OwnerOnly.WriteAsync(path, Encoding.UTF8.GetBytes(text), cancellationToken);

    /// <summary>Opens a file whose being open is the lock; null when another process holds it.</summary>
    public static FileStream? TryLock(string path) => OwnerOnly.TryLock(path);
}
