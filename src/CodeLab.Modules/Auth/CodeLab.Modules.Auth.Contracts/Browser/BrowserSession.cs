using MediatR;

namespace CodeLab.Modules.Auth.Browser;

/// <summary>
/// Sign-in of browsers by a server-side session (security.md §4, §10): the cookie holds a reference, all else is in the store. Pages of
/// every module use this one session. Its principal has the claims <c>sub</c>, <c>name</c>, <c>sid</c>, <c>auth_time</c>, <c>amr</c>,
/// <c>client_id</c>, <c>scope</c> and <c>role</c>.
/// </summary>
public static class BrowserSession
{
    /// <summary>Authentication scheme of the cookie. Policies for pages name it; it is never the default one.</summary>
    public const string Scheme = "Browser";

    /// <summary>Client id that browser sessions have in lists of sign-ins and in the audit.</summary>
    public const string ClientId = "codelab-browser";

    /// <summary>Policy of pages: somebody is signed in.</summary>
    public const string Policy = "browser";

    /// <summary>Policy of pages for administrators.</summary>
    public const string AdminPolicy = "browser:admin";

    /// <summary>Page where people sign in.</summary>
    public const string SignInPath = "/sign-in";

    /// <summary>Query parameter of <see cref="SignInPath"/>: where to go afterwards, a path of this host.</summary>
    public const string ReturnParameter = "return";

    /// <summary>Where a form with an antiforgery token is posted to sign out.</summary>
    public const string SignOutPath = "/sign-out";

    /// <summary>Page where people manage their own account.</summary>
    public const string AccountPath = "/account";

    /// <summary>
    /// Page that asks for the password or a passkey again and comes back to <see cref="ReturnParameter"/>: send people there before a
    /// sensitive change when <c>auth_time</c> is older than <see cref="RecentMinutes"/>.
    /// </summary>
    public const string ConfirmPath = "/confirm";

    /// <summary>Minutes after which a sensitive change asks for the password again.</summary>
    public const int RecentMinutes = 10;

    /// <summary>The stylesheet with the tokens (colour, space, type) and parts of all pages.</summary>
    public const string StylesheetPath = "/ui/codelab.css";
}

/// <summary>
/// Asks whether a browser session lives, for pages that stay open without requests (Blazor circuits ask every 10 s). The answer is null
/// when it was ended, has expired or was idle for too long, or its user is disabled or has a new password.
/// </summary>
/// <param name="SignInId">Claim <c>sid</c>.</param>
/// <param name="IsActive">True when the person did something since the last question: the idle time begins anew.</param>
public sealed record CheckBrowserSessionCommand(string SignInId, bool IsActive) : IRequest<BrowserSessionInfo?>;

/// <summary>A living browser session.</summary>
/// <param name="SignInId">Claim <c>sid</c>.</param>
/// <param name="UserId">Claim <c>sub</c>.</param>
/// <param name="Username">Sign-in name.</param>
/// <param name="Roles">Roles now.</param>
/// <param name="Language">Language the person chose, <c>en</c> or <c>ru</c>; null follows the browser.</param>
public sealed record BrowserSessionInfo(string SignInId, string UserId, string Username, IReadOnlyList<string> Roles, string? Language);
