using CodeLab.Modules.Llm.Providers.Http;

namespace CodeLab.Modules.Llm.Providers.Azure;

/// <summary>Addresses of an Azure OpenAI resource.</summary>
internal static class AzureAddress
{
    public const string KeyHeader = "api-key";

    /// <summary>Name among the provider's extra settings.</summary>
    public const string VersionSetting = "api_version";

    /// <summary>The version of the older addresses; null for the present ones.</summary>
    public static string? Version(ProviderSettings provider) =>
        provider.Extra.TryGetValue(VersionSetting, out var version) && version.Length > 0 ? version : null;

    /// <summary>Address of an operation on a deployment.</summary>
    public static Uri Under(ProviderSettings provider, string path, string deployment) =>
        Version(provider) is { } version
            ? provider.BaseUrl!.Under(
                $"openai/deployments/{Uri.EscapeDataString(deployment)}/{path}?api-version={Uri.EscapeDataString(version)}"
            )
            : Root(provider).Under(path);

    /// <summary>What stands before an operation's path, as OpenAI's SDK wants it.</summary>
    public static Uri Root(ProviderSettings provider) =>
        provider.BaseUrl!.AbsolutePath.TrimEnd('/').EndsWith("/openai/v1", StringComparison.Ordinal)
            ? provider.BaseUrl
            : provider.BaseUrl.Under("openai/v1");
}
