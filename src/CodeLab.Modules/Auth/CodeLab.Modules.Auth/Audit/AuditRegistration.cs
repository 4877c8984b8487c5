using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Auth.Access;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.Modules.Auth.Audit;

internal static class AuditRegistration
{
    public static void AddAudit(this IServiceCollection services)
    {
        services.AddHttpContextAccessor();
        services.AddSingleton<Callers>();
        services.AddSingleton<AuditKey>();
        services.AddSingleton<AuditSampling>();
        services.AddSingleton<AuditSignal>();
        services.AddSingleton<AuditTrail>();
        services.AddSingleton<IAuditTrail>(provider => provider.GetRequiredService<AuditTrail>());
        services.AddSingleton<AuditReader>();
        services.AddSingleton<AuditVerifier>();
        services.AddSingleton<IHostCommand, AuditVerifyCommand>();
        services.AddSingleton<AuditSealer>();
        services.AddHostedService(provider => provider.GetRequiredService<AuditSealer>());
        services.AddSingleton<AuditRetention>();
        services.AddHostedService(provider => provider.GetRequiredService<AuditRetention>());
    }
}
