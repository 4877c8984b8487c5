using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.External;
using CodeLab.Modules.Auth.Pages.Account;
using CodeLab.Modules.Auth.Pages.Grants;
using CodeLab.Modules.Auth.Pages.Links;
using CodeLab.Modules.Auth.Pages.SignIn;
using CodeLab.Modules.Auth.SecondFactor;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.Modules.Auth.Pages;

/// <summary>The pages people meet.</summary>
internal static class PageEndpoints
{
    public static void AddPages(this IServiceCollection services)
    {
        services.AddSingleton<IErrorPages, ErrorPages>();
        services.AddSingleton<SecondFactors>();
        services.AddSingleton<PendingSignIn>();
        services.AddScoped<SecurityOverview>();
    }

    public static void Map(IEndpointRouteBuilder app)
    {
        PageAssets.Map(app);
        var pages = app.MapPages();
        // Until something better is at home there; its order lets any other page win.
        pages.MapGet("/", () => new SeeOther(BrowserSession.AccountPath)).AllowAnonymous().WithOrder(1000);
        SignInEndpoints.Map(pages);
        PasskeyEndpoints.Map(pages);
        var account = pages.MapGroup(BrowserSession.AccountPath).RequireAuthorization(BrowserSession.Policy);
        ProfilePage.Map(account);
        SecurityPage.Map(account);
        PasswordPage.Map(account);
        DevicesPage.Map(account);
        KeysPage.Map(account);
        LinkPages.Map(pages);
        DevicePage.Map(pages);
        ConsentPage.Map(pages);
        ExternalEndpoints.Map(pages);
    }
}
