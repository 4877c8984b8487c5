using System.Net;
using System.Text.RegularExpressions;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Providers.Http;

namespace CodeLab.Modules.Llm.Providers.Storage;

/// <summary>Checks what an administrator writes of a provider.</summary>
internal static partial class ProviderDrafts
{
    private const int LongestUrl = 500;
    private const int LongestKey = 4096;

    public static Error? Check(ProviderDraft draft, IProviderKind kind, bool allowPrivate)
    {
        if (draft.Name is { } name && !Name().IsMatch(name))
            return AdminErrors.Invalid("name", "A provider's name has 1 to 40 of the characters a-z, 0-9 and -, and begins with a letter.");
        if (draft.BaseUrl is { Length: > 0 } url && Address(url, allowPrivate) is { } fault)
            return fault;
        if (string.IsNullOrEmpty(draft.BaseUrl) && kind.OfficialUrl is null)
            return AdminErrors.Invalid("base_url", $"A provider of the kind '{kind.Kind}' needs a base URL.");
        if (draft.ApiKey is { } key && (key.Length > LongestKey || key.Any(c => c is < '!' or > '~')))
            return AdminErrors.Invalid("api_key", "A provider's key has up to 4096 printable characters and no spaces.");
        foreach (var model in draft.Models ?? [])
        {
            if (!ModelName.IsValid(model))
                return AdminErrors.Invalid("models", "A model's name has 1 to 128 of the characters A-Z a-z 0-9 . _ : / @ -.");
        }
        foreach (var (setting, value) in draft.Settings ?? new Dictionary<string, string>())
        {
            // They become parts of URLs and headers (security.md §9.8).
            if (!ModelName.IsValid(setting) || !ModelName.IsValid(value))
                return AdminErrors.Invalid(
                    "settings",
                    "A setting's name and value have 1 to 128 of the characters A-Z a-z 0-9 . _ : / @ -."
                );
        }
        return null;
    }

    private static Error? Address(string text, bool allowPrivate)
    {
        if (
            text.Length > LongestUrl
            || !Uri.TryCreate(text, UriKind.Absolute, out var url)
            || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps)
            || url.UserInfo.Length > 0
            || url.Query.Length > 0
            || url.Fragment.Length > 0
        )
            return AdminErrors.Invalid("base_url", "The base URL is an https address without user, query or fragment.");
        if (url.Scheme == Uri.UriSchemeHttp && !allowPrivate)
            return AdminErrors.Invalid(
                "base_url",
                "The base URL has to begin with https, unless private networks are allowed for this provider."
            );
        // A name is looked up, and its addresses checked, when it is connected to: it may change until then.
        if (IPAddress.TryParse(url.DnsSafeHost, out var literal) && !AddressRules.IsAllowed(literal, allowPrivate))
        {
            return AdminErrors.Invalid(
                "base_url",
                AddressRules.IsAllowed(literal, allowPrivate: true)
                    ? "The base URL names a private address: allow private networks for this provider, if that is meant."
                    : "The base URL names an address that is never called: link-local, metadata, multicast or reserved."
            );
        }
        return null;
    }

    [GeneratedRegex("^[a-z][a-z0-9-]{0,39}$", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Name();
}
