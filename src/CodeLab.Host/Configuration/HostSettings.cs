using System.ComponentModel.DataAnnotations;
using System.Net;

namespace CodeLab.Host.Configuration;

/// <summary>Settings of the host itself.</summary>
internal sealed class HostSettings : IValidatableObject
{
    /// <summary>Configuration section.</summary>
    public const string Section = "CodeLab";

    /// <summary>Address people reach the service at; null = the first listening address.</summary>
    public string? PublicUrl { get; set; }

    /// <summary>File into which the host writes its address, atomically, once it serves; removed when it stops. Null = none.</summary>
    public string? ReadyFile { get; set; }

    /// <summary>Process whose end ends the host; null = none.</summary>
    [Range(1, int.MaxValue)]
    public int? ParentProcessId { get; set; }

    /// <summary>Addresses or networks of reverse proxies whose <c>X-Forwarded-For</c> and <c>-Proto</c> are believed.</summary>
    public IReadOnlyList<string> TrustedProxies { get; set; } = [];

    /// <summary>How the host stops.</summary>
    [Required]
    public ShutdownSettings Shutdown { get; set; } = new();

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (
            PublicUrl is { Length: > 0 }
            && (
                !Uri.TryCreate(PublicUrl, UriKind.Absolute, out var url)
                || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps)
            )
        )
            yield return new("CodeLab:PublicUrl must be an http or https address, e.g. https://codelab.example.com.", [nameof(PublicUrl)]);
        foreach (var proxy in TrustedProxies)
        {
            if (!IPAddress.TryParse(proxy, out _) && !IPNetwork.TryParse(proxy, out _))
                yield return new(
                    $"CodeLab:TrustedProxies: '{proxy}' is neither an IP address nor a network like 10.0.0.0/8.",
                    [nameof(TrustedProxies)]
                );
        }
        if (Shutdown.BalancerSeconds is < 0 or > 20)
            yield return new("CodeLab:Shutdown:BalancerSeconds must be between 0 and 20.", [nameof(Shutdown)]);
    }
}

/// <summary>How the host stops (security.md §12).</summary>
internal sealed class ShutdownSettings
{
    /// <summary>Seconds between readiness going off and the listener closing, while anybody is connected. 0 to 20, default 5.</summary>
    public int BalancerSeconds { get; set; } = 5;
}
