using System.ComponentModel;
using System.Diagnostics;

namespace CodeLab.Cli.SignIn;

/// <summary>Opens an address in the browser of this machine.</summary>
internal static class BrowserProgram
{
    /// <summary>False when there is no browser to be found; the person opens the address then.</summary>
    public static bool TryOpen(Uri address)
    {
        // A named program first, as other tools read it; then what the system opens addresses with.
        var named = Environment.GetEnvironmentVariable("BROWSER");
        if (!string.IsNullOrWhiteSpace(named) && !named.Contains('%', StringComparison.Ordinal))
            return TryStart(named, address);
        if (OperatingSystem.IsWindows())
            return TryStart("rundll32", address, "url.dll,FileProtocolHandler");
        if (OperatingSystem.IsMacOS())
            return TryStart("open", address);
        var hasDisplay =
            !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("DISPLAY"))
            || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("WAYLAND_DISPLAY"));
        return hasDisplay && TryStart("xdg-open", address);
    }

    private static bool TryStart(string program, Uri address, string? before = null)
    {
        var start = new ProcessStartInfo(program)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (before is not null)
            start.ArgumentList.Add(before);
        start.ArgumentList.Add(address.AbsoluteUri);
        try
        {
            using var process = Process.Start(start);
            return process is not null;
        }
        catch (Win32Exception)
        {
            // There is no such program.
            return false;
        }
    }
}
