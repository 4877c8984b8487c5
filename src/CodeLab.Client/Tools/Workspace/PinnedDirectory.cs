using System.ComponentModel;
using System.Runtime.InteropServices;
using CodeLab.Client.Processes;
using Microsoft.Win32.SafeHandles;

namespace CodeLab.Client.Tools;

/// <summary>
/// The third gate of the jail: a directory held open, so that what was checked is what is used. Between a check and an operation somebody
/// may swap a directory for a link; a path through the open descriptor (<c>/proc/self/fd</c>) stays with the directory that was checked.
/// </summary>
/// <remarks>
/// On systems without <c>/proc</c> the names are plain paths, and what is opened is asked for its real path afterwards.
/// </remarks>
internal sealed class PinnedDirectory : IDisposable
{
    private readonly SafeFileHandle? _handle;
    private readonly string _path;

    private PinnedDirectory(SafeFileHandle? handle, string path)
    {
        _handle = handle;
        _path = path;
    }

    /// <summary>Pins the directory a resolved path lies in (or is, for <paramref name="directory"/>), after resolving it again.</summary>
    /// <exception cref="ToolFailure">DIRECTORY_NOT_FOUND, PATH_OUTSIDE_WORKSPACE.</exception>
    public static PinnedDirectory Open(WorkspaceRoot root, ResolvedPath path, string directory)
    {
        if (!OperatingSystem.IsLinux())
        {
            if (!Directory.Exists(directory))
                throw Missing(root, path, directory);
            return new PinnedDirectory(null, directory);
        }

        var descriptor = Libc.Open(directory, Libc.OpenDirectory | Libc.OpenCloseOnExec | Libc.OpenNoFollow);
        if (descriptor < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            if (error == 13)
                throw new UnauthorizedAccessException($"Access to '{root.RelativeOf(directory)}' is denied.");
            throw Missing(root, path, directory);
        }
        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            if (RealPath(handle) is { } real && !string.Equals(real, directory, StringComparison.Ordinal))
                throw Swapped(path);
            return new PinnedDirectory(handle, directory);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    public static PinnedDirectory OpenParent(WorkspaceRoot root, ResolvedPath path) => Open(root, path, path.Parent);

    /// <summary>A path for ordinary calls that names <paramref name="name"/> in this very directory.</summary>
    public string PathOf(string name) =>
        _handle is null ? Path.Combine(_path, name) : $"/proc/self/fd/{(int)_handle.DangerousGetHandle()}/{name}";

    /// <summary>Opens a regular file for reading. A link put in its place is refused, a pipe does not block.</summary>
    /// <exception cref="ToolFailure">FILE_NOT_FOUND, NOT_A_FILE, PATH_OUTSIDE_WORKSPACE.</exception>
    public SafeFileHandle OpenFile(WorkspaceRoot root, ResolvedPath path)
    {
        var name = PathOf(path.Name);
        if (Directory.Exists(name))
            throw NotAFile(path, "is a directory. Use list_files to see what is in it.");

        SafeFileHandle handle;
        if (OperatingSystem.IsWindows())
        {
            handle = File.OpenHandle(name, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        else
        {
            var descriptor = Libc.Open(name, Libc.OpenCloseOnExec | Libc.OpenNoFollow | Libc.OpenNonBlock);
            if (descriptor < 0)
            {
                var error = Marshal.GetLastPInvokeError();
                throw error switch
                {
                    2 => throw new FileNotFoundException(path.Relative),
                    13 or 1 => new UnauthorizedAccessException($"Access to '{path.Relative}' is denied."),
                    40 or 62 => Swapped(path),
                    6 => NotAFile(path, "is not a regular file. Only regular files can be read."),
                    _ => new IOException(new Win32Exception(error).Message),
                };
            }
            handle = new SafeFileHandle(descriptor, ownsHandle: true);
        }

        try
        {
            if (RealPath(handle) is { } real && !string.Equals(real, path.Full, WorkspaceRoot.PathComparison))
            {
                if (!root.Contains(real))
                    throw Swapped(path);
            }
            _ = RandomAccess.GetLength(handle);
            return handle;
        }
        catch (NotSupportedException)
        {
            handle.Dispose();
            throw NotAFile(path, "is not a regular file (a pipe, socket or device). Only regular files can be read.");
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    public void Dispose() => _handle?.Dispose();

    /// <summary>What the system says an open descriptor is; null where it cannot be asked.</summary>
    private static unsafe string? RealPath(SafeFileHandle handle)
    {
        if (OperatingSystem.IsLinux())
            return new FileInfo($"/proc/self/fd/{(int)handle.DangerousGetHandle()}").LinkTarget;

        if (OperatingSystem.IsMacOS())
        {
            const int getPath = 50;
            var buffer = stackalloc byte[1024];
            return Libc.FcntlVariadic((int)handle.DangerousGetHandle(), getPath, 0, 0, 0, 0, 0, 0, buffer) == 0
                ? Marshal.PtrToStringUTF8((nint)buffer)
                : null;
        }

        var path = stackalloc char[32_768];
        var length = Libc.GetFinalPathNameByHandle(handle.DangerousGetHandle(), path, 32_768, 0);
        if (length is 0 or >= 32_768)
            return null;
        var text = new string(path, 0, (int)length);
        return text.StartsWith(@"\\?\UNC\", StringComparison.Ordinal) ? @"\\" + text[8..]
            : text.StartsWith(@"\\?\", StringComparison.Ordinal) ? text[4..]
            : text;
    }

    private static ToolFailure Missing(WorkspaceRoot root, ResolvedPath path, string directory) =>
        new(
            ToolErrorCodes.DirectoryNotFound,
            $"The directory '{root.RelativeOf(directory)}' of '{path.Relative}' does not exist. Create it with create_directory, or look with list_files where the file belongs."
        );

    private static ToolFailure Swapped(ResolvedPath path) =>
        new(
            ToolErrorCodes.PathOutsideWorkspace,
            $"'{path.Relative}' was replaced by a link while it was being opened, so it was left alone. Look at it with list_files and try again."
        );

    private static ToolFailure NotAFile(ResolvedPath path, string what) => new(ToolErrorCodes.NotAFile, $"'{path.Relative}' {what}");
}
