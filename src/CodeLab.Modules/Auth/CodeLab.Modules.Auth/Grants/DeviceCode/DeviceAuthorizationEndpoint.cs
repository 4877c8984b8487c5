using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.Limits;
using CodeLab.Modules.Auth.Tokens;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;

namespace CodeLab.Modules.Auth.Grants.DeviceCode;

/// <summary>
/// <c>POST /oauth/device</c> (RFC 8628 §3.1). Ours and not OpenIddict's: its device grant is bound to its token storage, whose redemption
/// is not atomic.
/// </summary>
internal static class DeviceAuthorizationEndpoint
{
    public const string Path = "/oauth/device";

    public static void Map(IEndpointRouteBuilder app) =>
        app.MapPost(Path, AnswerAsync)
            .AllowAnonymous()
            .DisableAntiforgery()
            .WithName("AuthorizeDevice")
            .Produces<DeviceAuthorization>()
            .WithSummary("Begins the sign-in of a device without a browser")
            .WithTags("Auth");

    private static async Task AnswerAsync(
        HttpContext context,
        ClientRegistry clients,
        DeviceCodes codes,
        SignInLimits limits,
        ClientAddress addresses,
        IConfiguration configuration
    )
    {
        if (await OAuthForms.ReadAsync(context) is not { } form)
        {
            await OAuthAnswers.WriteAsync(context, OAuthForms.Unreadable);
            return;
        }
        var (client, refusal) = ClientAuthentication.Check(clients, context, form);
        if (client is not null && !client.Grants.Contains(ClientRegistry.DeviceGrant))
            refusal = new("unauthorized_client", "The client may not sign in devices");
        if (refusal is null && await limits.TakeDeviceStartAsync(context) is { Allowed: false } limit)
            refusal = OAuthError.Limited(limit.RetryAfter);
        IReadOnlyList<string>? asked = null;
        if (refusal is null && !GrantScopes.TryRead(form["scope"], client!, ClientRegistry.DeviceGrant, out asked))
            refusal = GrantScopes.Refused;
        if (refusal is not null)
        {
            await OAuthAnswers.WriteAsync(context, refusal);
            return;
        }
        // Whether it stays signed in is in what it asked, so that is kept as asked.
        var scope = GrantScopes.Join((asked ?? client!.DefaultScopes).Concat(form["scope"].ToString().Split(' ').Where(IsOffline)));
        var started = await codes.StartAsync(client!.Id, scope, RequestOrigin.Of(context, addresses), context.RequestAborted);
        var page = PublicAddress.Of(context, configuration) + DeviceConfirmations.Page;
        var shown = UserCodes.Show(started.UserCode);
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.WriteAsJsonAsync(
            new DeviceAuthorization
            {
                DeviceCode = started.DeviceCode,
                UserCode = shown,
                VerificationUri = page,
                VerificationUriComplete = $"{page}?user_code={shown}",
                ExpiresIn = started.ExpiresIn,
                Interval = started.Interval,
            },
            ProtocolJson.Default.DeviceAuthorization,
            cancellationToken: context.RequestAborted
        );
    }

    private static bool IsOffline(string scope) => scope == OpenIddict.Abstractions.OpenIddictConstants.Scopes.OfflineAccess;
}
