using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Messages;
using CodeLab.BuildingBlocks.Modules;
using CodeLab.BuildingBlocks.Secrets;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Admission;
using CodeLab.Modules.Llm.Budgets;
using CodeLab.Modules.Llm.Cache;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Doors;
using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.PassThrough;
using CodeLab.Modules.Llm.Persistence;
using CodeLab.Modules.Llm.Privacy;
using CodeLab.Modules.Llm.Providers;
using CodeLab.Modules.Llm.Providers.Anthropic;
using CodeLab.Modules.Llm.Providers.Azure;
using CodeLab.Modules.Llm.Providers.Demo;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Providers.Ollama;
using CodeLab.Modules.Llm.Providers.OpenAi;
using CodeLab.Modules.Llm.Providers.Storage;
using CodeLab.Modules.Llm.Providers.Wire;
using CodeLab.Modules.Llm.Routing;
using CodeLab.Modules.Llm.Translation;
using CodeLab.Modules.Llm.Usage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Llm;

/// <summary>Providers, models, chat streams and token usage.</summary>
public static class LlmModule
{
    /// <summary>Registers the module. Nothing is asked of a provider, and no vendor's SDK is loaded, before the host listens.</summary>
    public static void AddLlmModule(this IHostApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.AddModuleOptions<LlmOptions>(LlmOptions.Section);
        builder.Services.AddSingleton<IValidateOptions<LlmOptions>>(services => new AddressCheck(
            services.GetRequiredService<IConfiguration>()
        ));
        builder.AddModuleDbContext<LlmDbContext, SqliteLlmDbContext, PostgresLlmDbContext>(LlmDbContext.Prefix);
        builder.AddModuleMessages(typeof(LlmModule).Assembly);

        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddMetrics();
        builder.Services.AddSingleton<IProviderKind, OpenAiProvider>();
        builder.Services.AddSingleton<IProviderKind, AzureOpenAiProvider>();
        builder.Services.AddSingleton<IProviderKind, AnthropicProvider>();
        builder.Services.AddSingleton<IProviderKind, OllamaProvider>();
        builder.Services.AddSingleton<IProviderKind, DemoProvider>();
        builder.Services.AddSingleton<ProviderTransport>();
        builder.Services.AddSingleton<ModelFactsBook>();
        builder.Services.AddSingleton<ModelCatalogue>();
        AddControl(builder.Services);
        AddDoors(builder.Services);
        builder.Services.AddHostedService<RefreshModels>();
    }

    // Rights, money, routes: everything that stands before a call and after it.
    private static void AddControl(IServiceCollection services)
    {
        services.TryAddSingleton<KeyEncryptionKey>();
        services.TryAddSingleton<ClientAddress>();
        services.AddSingleton<ProviderSecrets>();
        services.AddSingleton<ControlReader>();
        services.AddSingleton<ControlStore>();
        services.AddSingleton<BudgetStore>();
        services.AddSingleton<Reservations>();
        services.AddSingleton<BudgetKeeper>();
        services.AddSingleton<CallerBook>();
        services.AddSingleton<CallLimiter>();
        services.AddSingleton<RoutePlans>();
        services.AddSingleton<CircuitBreakers>();
        services.AddSingleton<ProviderHealthBook>();
        services.AddSingleton<HealthChecks>();
        services.AddSingleton<AnswerCache>();
        services.AddSingleton<ICallGate, CallGate>();
        services.AddSingleton<ICallRouter, CallRouter>();
        services.AddSingleton<LlmMetrics>();
        services.AddSingleton<UsageLedger>();
        services.AddSingleton<CallLedger>();
        services.AddSingleton<RefusalAudit>();
        services.AddSingleton<EgressBook>();
        services.AddSingleton<ContentBook>();
        services.AddSingleton<IStartupTask>(provider => provider.GetRequiredService<ControlStore>());
        services.AddSingleton<IStartupTask>(provider => provider.GetRequiredService<BudgetKeeper>());
        // Stopped in the opposite order: the ledger last, so that what ends meanwhile is still written.
        services.AddHostedService(provider => provider.GetRequiredService<UsageLedger>());
        services.AddHostedService(provider => provider.GetRequiredService<EgressBook>());
        services.AddHostedService(provider => provider.GetRequiredService<ContentBook>());
        services.AddHostedService(provider => provider.GetRequiredService<BudgetKeeper>());
        services.AddHostedService(provider => provider.GetRequiredService<ControlStore>());
        services.AddHostedService(provider => provider.GetRequiredService<HealthChecks>());
    }

    private static void AddDoors(IServiceCollection services)
    {
        services.AddSingleton<WireClient>();
        services.AddSingleton<PassThroughCalls>();
        services.AddSingleton<TranslatedCalls>();
        services.AddSingleton<DoorPipeline>();
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, DoorRefusals>();
    }

    /// <summary>Stands before sign-in: takes keys from the headers in which the vendors' clients send them.</summary>
    public static void UseLlmDoors(this IApplicationBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseMiddleware<DoorKeys>();
    }

    /// <summary>Maps the doors and the lists of models.</summary>
    public static void MapLlmModule(this IEndpointRouteBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        ListModelsEndpoint.Map(app);
        DoorEndpoints.Map(app);
        ProviderEndpoints.Map(app);
        ControlEndpoints.Map(app);
        UsageEndpoints.Map(app);
        ContentEndpoints.Map(app);
    }

    /// <summary>A mistyped address would otherwise look like a missing provider, and the demo would answer instead.</summary>
    private sealed class AddressCheck(IConfiguration configuration) : IValidateOptions<LlmOptions>
    {
        public ValidateOptionsResult Validate(string? name, LlmOptions options)
        {
            string[] names = ["OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "OLLAMA_BASE_URL", "AZURE_OPENAI_ENDPOINT"];
            var faults = names.Select(n => EnvironmentAddress.Fault(configuration, n)).OfType<string>().ToList();
            return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
        }
    }
}
