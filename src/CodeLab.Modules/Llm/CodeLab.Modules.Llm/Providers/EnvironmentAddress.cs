using Microsoft.Extensions.Configuration;

namespace CodeLab.Modules.Llm.Providers;

/// <summary>Reads provider addresses the operator wrote into the environment (design.md §12).</summary>
internal static class EnvironmentAddress
{
    /// <summary>The address under a name; null when it is empty or no http address (start-up tells the latter, see <see cref="Fault"/>).</summary>
    public static Uri? Read(IConfiguration configuration, string name) => Parse(configuration[name]);

    /// <summary>A sentence when the value is set but no http address.</summary>
    public static string? Fault(IConfiguration configuration, string name) =>
        string.IsNullOrWhiteSpace(configuration[name]) || Parse(configuration[name]) is not null
            ? null
            : $"{name} is no http or https address.";

    private static Uri? Parse(string? value) =>
        Uri.TryCreate(value?.Trim().TrimEnd('/'), UriKind.Absolute, out var address)
        && (address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps)
        && address.UserInfo.Length == 0
            ? address
            : null;
}
