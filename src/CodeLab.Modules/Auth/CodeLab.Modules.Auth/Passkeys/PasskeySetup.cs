using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.Modules.Auth.Passkeys;

internal static class PasskeySetup
{
    public static void AddPasskeys(this IServiceCollection services)
    {
        services.AddScoped<PasskeyStore>();
        services.AddScoped<PasskeyCeremonies>();
        services.AddScoped<IPasskeyHandler<User>, PasskeyHandler<User>>();
        services.Configure<IdentityPasskeyOptions>(o =>
        {
            // Presence and PIN or finger: that is why a passkey alone counts as two factors. Discoverable: no name need be typed.
            o.UserVerificationRequirement = "required";
            o.ResidentKeyRequirement = "required";
            o.AuthenticatorTimeout = TimeSpan.FromMinutes(5);
            o.ValidateOrigin = context =>
            {
                var request = context.HttpContext.Request;
                return new(!context.CrossOrigin && context.Origin == $"{request.Scheme}://{request.Host.Value}");
            };
        });
    }
}
