using System.ComponentModel.DataAnnotations;

namespace CodeLab.Modules.Auth.Browser;

/// <summary>Settings of browser sessions (security.md §10).</summary>
internal sealed class BrowserOptions
{
    public const string Section = "CodeLab:Auth:Browser";

    /// <summary>Minutes without a request after which a browser session ends; 30 by default.</summary>
    [Range(1, 1440)]
    public double IdleMinutes { get; set; } = 30;

    /// <summary>Hours after which a browser session ends in any case; 12 by default.</summary>
    [Range(1, 720)]
    public double Hours { get; set; } = 12;

    /// <summary>Minutes after which a sensitive change asks for the password or a passkey again; 10 by default.</summary>
    [Range(1, 60)]
    public double RecentMinutes { get; set; } = BrowserSession.RecentMinutes;
}
