using System.Runtime.InteropServices;

namespace CodeLab.Cli.Up;

/// <summary>Asks a process to end, which .NET has no call for.</summary>
internal static partial class Signals
{
    private const int Term = 15;

    public static bool Terminate(int processId) => Kill(processId, Term) == 0;

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);
}
