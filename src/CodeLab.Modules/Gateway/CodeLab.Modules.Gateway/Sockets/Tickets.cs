using System.Security.Claims;
using System.Text.Encodings.Web;
using CodeLab.Modules.Auth.Access;
using MediatR;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Gateway.Sockets;

/// <summary>
/// Signs a request in by the ticket in its query, for the one route where a browser can send no header and no socket either: events
/// (<c>EventSource</c>). A ticket opens the session it was made for, once; presenting it anywhere else spends it.
/// </summary>
internal sealed class TicketHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory logger,
    UrlEncoder encoder,
    ISender sender
) : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public new const string Scheme = "Ticket";
    public const string Query = "ticket";

    /// <summary>The identity a ticket proves, with the claims a token of its sign-in would have.</summary>
    public static ClaimsPrincipal Identify(TicketHolder holder)
    {
        var identity = new ClaimsIdentity(Scheme, "name", "role");
        identity.AddClaim(new("sub", holder.UserId));
        identity.AddClaim(new("name", holder.Username));
        identity.AddClaim(new("sid", holder.SignInId));
        identity.AddClaim(new("scope", holder.Scope));
        identity.AddClaims(holder.Roles.Select(r => new Claim("role", r)));
        return new(identity);
    }

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (Request.Query[Query].ToString() is not { Length: > 0 } ticket || Context.GetRouteValue("id") is not string session)
            return AuthenticateResult.NoResult();
        return await sender.Send(new RedeemSocketTicketCommand(ticket, session), Context.RequestAborted) is { } holder
            ? AuthenticateResult.Success(new(Identify(holder), Scheme))
            : AuthenticateResult.Fail("The ticket is unknown, spent or expired");
    }

    // The bearer scheme stands beside this one in every policy, and writes the published answers.
    protected override Task HandleChallengeAsync(AuthenticationProperties properties) => Task.CompletedTask;

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => Task.CompletedTask;
}

/// <summary>The policy of routes that take tickets.</summary>
internal static class TicketPolicy
{
    /// <summary>As <see cref="Policies.Read"/>, by token or ticket.</summary>
    public const string Read = "api:read by ticket";

    public static void AddTickets(this IServiceCollection services)
    {
        // AddAuthentication would register data protection once more, whose warm-up reads keys before there is a table for them.
        services.AddTransient<TicketHandler>();
        services.Configure<AuthenticationOptions>(options => options.AddScheme<TicketHandler>(TicketHandler.Scheme, null));
        services
            .AddOptions<AuthorizationOptions>()
            .Configure(options =>
            {
                var read = options.GetPolicy(Policies.Read) ?? throw new InvalidOperationException("Auth has no policy to read");
                options.AddPolicy(
                    Read,
                    new AuthorizationPolicyBuilder([.. read.AuthenticationSchemes, TicketHandler.Scheme])
                        .AddRequirements([.. read.Requirements])
                        .Build()
                );
            });
    }
}
