using CodeLab.BuildingBlocks.Messages;
using CodeLab.BuildingBlocks.Modules;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Approvals;
using CodeLab.Modules.Agent.Approvals.ManagePolicies;
using CodeLab.Modules.Agent.Events;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Prompts;
using CodeLab.Modules.Agent.Routing;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Runtime;
using CodeLab.Modules.Agent.Sessions.Sharing;
using CodeLab.Modules.Agent.Sessions.Transfer;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Agent;

/// <summary>The Agent module: sessions, turns, agents, tools and approvals.</summary>
public static class AgentModule
{
    /// <summary>Registers the module.</summary>
    public static void AddAgentModule(this IHostApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.AddModuleOptions<AgentOptions>(AgentOptions.Section);
        builder.AddModuleMessages(typeof(AgentModule).Assembly);
        builder.AddAgentStore();
        builder.Services.AddSingleton(_ => AgentCatalog.BuiltIn);
        builder.Services.AddSingleton<AgentRouter>();
        builder.Services.AddSingleton(services => new TurnEngine(
            services.GetRequiredService<AgentCatalog>(),
            services.GetRequiredService<AgentRouter>(),
            services.GetRequiredService<IOptions<AgentOptions>>().Value.ToLimits(),
            new ContextBudget(TokenCounter.Count, services.GetRequiredService<IOptions<AgentOptions>>().Value.ToContextLimits())
        ));
        builder.Services.AddSingleton<PolicyStore>();
        builder.Services.AddSingleton<PolicyBook>();
        builder.Services.AddSingleton<ModelRequests>();
        builder.Services.AddSingleton<SessionRuntime>();
        builder.Services.AddSingleton<SessionShares>();
        builder.Services.AddSingleton<SessionAccess>();
        builder.Services.AddSingleton<SharesNotice>();
        builder.Services.AddHostedService(services => services.GetRequiredService<SharesNotice>());
        builder.Services.AddSingleton<EventReadings>();
        builder.Services.AddSingleton<SessionRemoval>();
        builder.Services.AddSingleton<ImportGate>();
        builder.Services.AddSingleton<SessionCopier>();
        builder.Services.AddSingleton<SessionDirectory>();
        builder.Services.AddSingleton<TaskOrders>();
        builder.Services.AddHostedService<TaskRunner>();
        builder.Services.AddHostedService<SessionKeeper>();
        builder.Services.AddSingleton<IDrainTask, DrainSessions>();
    }

    /// <summary>Maps the routes of rules, remembered decisions and levels; sessions have their doors in the Gateway.</summary>
    public static void MapAgentModule(this IEndpointRouteBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        ApprovalEndpoints.Map(app);
        PolicyEndpoints.Map(app);
    }
}
