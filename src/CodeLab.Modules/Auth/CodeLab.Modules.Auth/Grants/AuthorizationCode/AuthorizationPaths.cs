using System.Globalization;
using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Tokens;
using Microsoft.AspNetCore.Http;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace CodeLab.Modules.Auth.Grants.AuthorizationCode;

/// <summary>
/// Local paths between the authorization endpoint and the pages it sends people to. What it needs to know when they come back travels in
/// parameters of our own.
/// </summary>
internal static class AuthorizationPaths
{
    public const string Endpoint = "/" + TokenServer.AuthorizationPath;

    /// <summary>Sealed refusal of the consent page.</summary>
    public const string Refusal = "codelab_refusal";

    /// <summary>The person must have proved who they are after this time (UTC milliseconds): what <c>prompt=login</c> became.</summary>
    private const string After = "codelab_after";

    /// <summary>
    /// Marks a request that comes from a form of ours. Browsers hold a form to the page's <c>form-action</c> through every redirect, which
    /// names ourselves only: so the last step to the client is then a page and not a redirect.
    /// </summary>
    private const string FromPage = "codelab_page";

    private static readonly string[] _signInPrompts = [PromptValues.Login, PromptValues.SelectAccount];

    public static bool ComesFromPage(OpenIddictRequest request) => request.GetParameter(FromPage) is not null;

    /// <summary>True when the person must prove who they are (again): <c>prompt=login</c>, or longer ago than <c>max_age</c>.</summary>
    public static bool NeedsSignIn(OpenIddictRequest request, BrowserUser? user, long now)
    {
        if (user is null || request.HasPromptValue(PromptValues.Login) || request.HasPromptValue(PromptValues.SelectAccount))
            return true;
        if (request.MaxAge is { } seconds && now - user.AuthenticatedAt > Math.Max(0, seconds) * 1000L)
            return true;
        // Claims have whole seconds.
        return long.TryParse((string?)request.GetParameter(After), NumberStyles.None, CultureInfo.InvariantCulture, out var after)
            && user.AuthenticatedAt < after / 1000 * 1000;
    }

    /// <summary>The page to sign in at, or, for somebody who is signed in, to prove it once more; both come back to this request.</summary>
    public static string SignIn(OpenIddictRequest request, BrowserUser? user, PathString basePath, long now)
    {
        var page = user is null ? BrowserSession.SignInPath : BrowserSession.ConfirmPath;
        var back = Back(request, basePath, _signInPrompts, user is null ? null : now);
        return $"{basePath}{page}?{BrowserSession.ReturnParameter}={Uri.EscapeDataString(back)}";
    }

    /// <summary>This request once more, from the consent page.</summary>
    public static string AfterConsent(OpenIddictRequest request, PathString basePath) =>
        Back(request, basePath, [PromptValues.Consent], after: null);

    /// <summary>This request once more, as it is, from a page of ours.</summary>
    public static string Again(OpenIddictRequest request, PathString basePath) => Back(request, basePath, [], after: null);

    private static string Back(OpenIddictRequest request, PathString basePath, string[] answered, long? after)
    {
        var query = new List<string>();
        foreach (var (name, value) in request.GetParameters())
        {
            if (name is FromPage or Refusal || (after is not null && name is (Parameters.MaxAge or After)))
                continue;
            var text = (string?)value ?? "";
            if (name == Parameters.Prompt)
                text = string.Join(' ', request.GetPromptValues().Except(answered));
            if (text.Length > 0)
                query.Add($"{Uri.EscapeDataString(name)}={Uri.EscapeDataString(text)}");
        }
        if (after is { } since)
            query.Add($"{After}={since.ToString(CultureInfo.InvariantCulture)}");
        query.Add($"{FromPage}=1");
        return $"{basePath}{Endpoint}?{string.Join('&', query)}";
    }
}
