using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Messages;
using CodeLab.BuildingBlocks.Modules;
using CodeLab.BuildingBlocks.Secrets;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.AccessKeys;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.External;
using CodeLab.Modules.Auth.Grants.AuthorizationCode;
using CodeLab.Modules.Auth.Grants.DeviceCode;
using CodeLab.Modules.Auth.Keys;
using CodeLab.Modules.Auth.Limits;
using CodeLab.Modules.Auth.Pages;
using CodeLab.Modules.Auth.Passkeys;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Setup;
using CodeLab.Modules.Auth.Teams;
using CodeLab.Modules.Auth.Tokens;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace CodeLab.Modules.Auth;

/// <summary>The Auth module: users, sign-in, tokens, keys and the rules of access.</summary>
public static class AuthModule
{
    /// <summary>Registers the module. It needs <see cref="DatabaseRegistration.AddDatabase"/> and the start-up tasks of the host.</summary>
    public static void AddAuthModule(this IHostApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.AddModuleOptions<AuthOptions>(AuthOptions.Section);
        builder.AddModuleOptions<RateLimitOptions>(RateLimitOptions.Section);
        builder.AddModuleOptions<BrowserOptions>(BrowserOptions.Section);
        builder.AddModuleDbContext<AuthDbContext, SqliteAuthDbContext, PostgresAuthDbContext>(AuthDbContext.Prefix);
        builder.AddModuleMessages(typeof(AuthModule).Assembly);

        var services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<KeyEncryptionKey>();
        services.TryAddSingleton<ClientAddress>();
        services.AddSingleton<KeyRing>();
        services.AddSingleton<ClientRegistry>();
        services.AddSingleton<SignInLimits>();
        services.AddSingleton<PasswordHashing>();
        services.AddSingleton<Lockouts>();
        services.AddSingleton<PasswordSignIn>();
        services.AddSingleton<Accounts>();
        services.AddSingleton<AuthMetrics>();
        services.AddSingleton<SignIns>();
        services.AddSingleton<AccountChanges>();
        services.AddSingleton<AccountLinks>();
        services.AddSingleton<OwnPassword>();
        services.AddSingleton<OwnSignIns>();
        services.AddSingleton<TeamStore>();
        services.AddSingleton<AccessKeyStore>();
        services.AddSingleton<AccessKeyStates>();
        services.AddSingleton<AccessKeyUse>();
        services.AddHostedService(provider => provider.GetRequiredService<AccessKeyUse>());
        services.AddSingleton<ServiceAddress>();
        services.AddSingleton<RefreshTokens>();
        services.AddSingleton<IdentityTokens>();
        services.AddSingleton<TokenGrants>();
        services.AddSingleton<AuthorizationCodes>();
        services.AddSingleton<AuthorizationAnswers>();
        services.AddSingleton<Consents>();
        services.AddSingleton<ConsentDecisions>();
        services.AddSingleton<DeviceCodes>();
        services.AddSingleton<DeviceConfirmations>();
        services.AddSingleton<AccessTokens>();
        services.AddSingleton<SignInStates>();
        services.AddSingleton<RightsChanges>();
        services.AddHostedService(provider => provider.GetRequiredService<RightsChanges>());
        services.AddHostedService<KeyWatch>();
        services.AddSingleton<Pruning>();
        services.AddHostedService(provider => provider.GetRequiredService<Pruning>());
        services.AddSingleton<RegisteredClients>();
        services.AddHostedService<ClientWatch>();
        services.AddSingleton<SetupState>();
        services.TryAddSingleton<SetupConsole>();
        services.AddSingleton<AdministratorFromEnvironment>();
        services.AddSingleton<IStartupTask, AuthStartup>();
        services.AddSingleton<IStartupTask, DeclaredPolicies>();
        services.AddSingleton<IHostCommand, SetupLinkCommand>();
        services.AddAudit();
        services.AddTokenServer();
        services.AddIdentityCore<User>().AddUserStore<PasskeyStore>();
        services.AddPasskeys();
        services.AddAuthentication(BearerHandler.Scheme).AddScheme<AuthenticationSchemeOptions, BearerHandler>(BearerHandler.Scheme, null);
        services.AddAccessPolicies();
        services.AddBrowserSessions();
        services.AddPages();
        builder.AddExternalSignIn();
        // Last: others register data protection too, and its warm-up with it.
        services.AddStoredDataProtection();
    }

    /// <summary>
    /// Adds, in this order: the set-up gate (503 until there is an administrator), the OAuth routes, authentication and authorization. Call
    /// it after error handling and static files, before the endpoints.
    /// </summary>
    public static void UseAuthModule(this IApplicationBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        // The host would add the framework's middleware in front of everything; BearerMiddleware takes its place.
        app.Properties["__AuthenticationMiddlewareSet"] = true;
        app.UseMiddleware<SetupGate>();
        app.UseWhen(
            TokenServer.Answers,
            branch =>
            {
                branch.UseMiddleware<TokenEndpoint>();
                branch.UseAuthentication();
            }
        );
        app.UseMiddleware<BearerMiddleware>();
        app.UseAuthorization();
    }

    /// <summary>Maps the routes of the module.</summary>
    public static void MapAuthModule(this IEndpointRouteBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        JwksEndpoint.Map(app);
        KeyEndpoints.Map(app);
        ClientEndpoints.Map(app);
        UserInfoEndpoint.Map(app);
        DeviceAuthorizationEndpoint.Map(app);
        SetupEndpoints.Map(app);
        PageEndpoints.Map(app);
        UserEndpoints.Map(app);
        MeEndpoints.Map(app);
        TeamEndpoints.Map(app);
        AccessKeyEndpoints.Map(app);
        AuditEndpoints.Map(app);
    }
}
