using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Access;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.Modules.Auth.Browser;

internal static class BrowserSessionSetup
{
    public static void AddBrowserSessions(this IServiceCollection services)
    {
        services.AddSingleton<BrowserCookie>();
        services.AddSingleton<BrowserSessions>();
        services.AddSingleton<EnabledUsers>();
        services.Configure<AuthenticationOptions>(o => o.AddScheme<BrowserSessionHandler>(BrowserSession.Scheme, displayName: null));
        services.AddTransient<BrowserSessionHandler>();
        services
            .AddAuthorizationBuilder()
            .AddPolicy(BrowserSession.Policy, Signed(_ => true))
            .AddPolicy(BrowserSession.AdminPolicy, Signed(user => user.User.GetRoles().Contains(Roles.Admin)));
        services.AddAntiforgery(o =>
        {
            o.Cookie.Name = "codelab-form";
            o.Cookie.HttpOnly = true;
            o.Cookie.SameSite = SameSiteMode.Strict;
            o.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            o.Cookie.Path = "/";
            o.FormFieldName = "form_token";
            o.HeaderName = "X-Form-Token";
            // The content security policy of every page forbids framing; one header is enough.
            o.SuppressXFrameOptionsHeader = true;
        });
    }

    private static AuthorizationPolicy Signed(Func<AuthorizationHandlerContext, bool> rule) =>
        new AuthorizationPolicyBuilder(BrowserSession.Scheme).RequireAuthenticatedUser().RequireAssertion(rule).Build();
}
