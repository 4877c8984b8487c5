using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Tokens;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace CodeLab.Modules.Auth.Grants.AuthorizationCode;

/// <summary>
/// Answers <c>/oauth/authorize</c>. By now OpenIddict has checked the request: client, redirect address, response type, PKCE S256. Here the
/// person is found, asked where they must be, and the code is made.
/// </summary>
internal sealed class AnswerAuthorization(
    ClientRegistry clients,
    AuthorizationCodes codes,
    Consents consents,
    ConsentDecisions decisions,
    AuthorizationAnswers answers,
    TimeProvider time
) : IOpenIddictServerHandler<HandleAuthorizationRequestContext>
{
    private const int ChallengeLength = 43;
    private const int LongestNonce = 500;

    public async ValueTask HandleAsync(HandleAuthorizationRequestContext context)
    {
        var http = context.Transaction.GetHttpRequest()!.HttpContext;
        var request = context.Request;
        var client = clients.Find(context.ClientId) ?? throw new InvalidOperationException("OpenIddict let an unknown client pass");
        if (Fault(request, client, out var scopes) is var (error, description))
        {
            context.Reject(error, description);
            return;
        }
        var now = time.Milliseconds();
        var user = BrowserUser.From((await http.AuthenticateAsync(BrowserSession.Scheme)).Principal);
        var mayAsk = !request.HasPromptValue(PromptValues.None);
        // A strict cookie stays away from a request that another site began. Asked again by a page of ours, it comes.
        if (user is null && !AuthorizationPaths.ComesFromPage(request) && http.Request.Headers["Sec-Fetch-Site"] == "cross-site")
        {
            await AuthorizationAnswers.AskAgainAsync(http, AuthorizationPaths.Again(request, http.Request.PathBase));
            context.HandleRequest();
            return;
        }
        if (user is null || AuthorizationPaths.NeedsSignIn(request, user, now))
        {
            if (mayAsk)
                Send(context, http, AuthorizationPaths.SignIn(request, user, http.Request.PathBase, now));
            else
                context.Reject(Errors.LoginRequired, "Nobody is signed in");
            return;
        }
        var redirectUri = request.RedirectUri!;
        var refusal = (string?)request.GetParameter(AuthorizationPaths.Refusal);
        if (decisions.IsRefused(refusal, user, client.Id, redirectUri))
        {
            context.Reject(Errors.AccessDenied, "The person refused");
            return;
        }
        if (await NeedsConsentAsync(request, client, user, scopes, http.RequestAborted))
        {
            if (mayAsk)
            {
                var back = AuthorizationPaths.AfterConsent(request, http.Request.PathBase);
                Send(context, http, http.Request.PathBase + decisions.Ask(user, client.Id, scopes, redirectUri, back));
            }
            else
            {
                context.Reject(Errors.ConsentRequired, "The person has not allowed this client");
            }
            return;
        }
        var code = await codes.IssueAsync(
            new(client.Id, user, GrantScopes.Join(scopes), redirectUri, request.CodeChallenge!) { Nonce = request.Nonce },
            http.RequestAborted
        );
        await answers.RedirectAsync(
            http,
            redirectUri,
            [new(Parameters.Code, code), new(Parameters.State, request.State)],
            AuthorizationPaths.ComesFromPage(request)
        );
        context.HandleRequest();
    }

    private static (string Error, string Description)? Fault(OpenIddictRequest request, Client client, out IReadOnlyList<string> scopes)
    {
        scopes = [];
        if (string.IsNullOrEmpty(request.RedirectUri))
            return (Errors.InvalidRequest, "Missing required parameter: redirect_uri");
        if (request.CodeChallenge!.Length != ChallengeLength)
            return (Errors.InvalidRequest, "code_challenge is no S256 challenge (RFC 7636)");
        if (request.Nonce?.Length > LongestNonce)
            return (Errors.InvalidRequest, "nonce is longer than 500 characters");
        // A public client keeps no secret on a server: state is what tells its own answer from one that was slipped in.
        if (client.IsPublic && string.IsNullOrEmpty(request.State))
            return (Errors.InvalidRequest, "Missing required parameter: state");
        var asked = request.GetScopes();
        if (asked.Any(s => s != Scopes.OfflineAccess && !client.MayHave(s, GrantTypes.AuthorizationCode)))
            return (Errors.InvalidScope, "The client may not use one of these scopes");
        if (asked.Contains(Scopes.OfflineAccess) && !client.Grants.Contains(GrantTypes.RefreshToken))
            return (Errors.InvalidScope, "The client may not stay signed in");
        scopes = asked.Length == 0 ? client.DefaultScopes : asked;
        return null;
    }

    private async Task<bool> NeedsConsentAsync(
        OpenIddictRequest request,
        Client client,
        BrowserUser user,
        IReadOnlyList<string> scopes,
        CancellationToken cancellationToken
    ) =>
        !client.IsFirstParty
        && (request.HasPromptValue(PromptValues.Consent) || !await consents.CoversAsync(user.UserId, client.Id, scopes, cancellationToken));

    private static void Send(HandleAuthorizationRequestContext context, HttpContext http, string path)
    {
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Redirect(path);
        context.HandleRequest();
    }
}
