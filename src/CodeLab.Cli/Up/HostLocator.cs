using System.Reflection;
using System.Runtime.InteropServices;
using CodeLab.Cli.CommandLine;

namespace CodeLab.Cli.Up;

/// <summary>The program that runs the host and its arguments.</summary>
internal sealed record HostProgram(string FileName, IReadOnlyList<string> Arguments);

/// <summary>Finds the host: in <c>host/</c> beside this program when published, in the build's output when run from source.</summary>
internal static class HostLocator
{
    /// <exception cref="CommandFailedException">There is no host.</exception>
    public static HostProgram Find()
    {
        var beside = Path.Combine(AppContext.BaseDirectory, "host");
        if (Look(beside) is { } published)
            return published;

        var built = typeof(HostLocator)
            .Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .FirstOrDefault(attribute => attribute.Key == "CodeLabHostDirectory")
            ?.Value;
        if (built is not null && Look(built) is { } fromSource)
            return fromSource;
        throw new CommandFailedException(
            $"There is no host to start: neither in {beside}{(built is null ? "" : $" nor in {built}")}. "
                + "Use a complete CodeLab package, or a server that runs: codelab chat --server URL"
        );
    }

    private static HostProgram? Look(string folder)
    {
        var library = Path.Combine(folder, "CodeLab.Host.dll");
        // A published host may be one file without a library beside it.
        var program = Path.Combine(folder, OperatingSystem.IsWindows() ? "CodeLab.Host.exe" : "CodeLab.Host");
        var isFrameworkDependent = File.Exists(Path.Combine(folder, "CodeLab.Host.runtimeconfig.json"));
        if (File.Exists(library) && isFrameworkDependent && Dotnet() is { } dotnet)
            return new HostProgram(dotnet, [library]);
        if (File.Exists(program))
            return new HostProgram(program, []);
        return File.Exists(library) ? new HostProgram("dotnet", [library]) : null;
    }

    private static string? Dotnet()
    {
        if (Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } path && File.Exists(path))
            return path;
        var name = OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet";
        // Run from source, this program runs on a shared runtime: ROOT/shared/Microsoft.NETCore.App/VERSION/.
        var root = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        var beside = Path.Combine(root, name);
        if (File.Exists(beside))
            return beside;
        return (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);
    }
}
