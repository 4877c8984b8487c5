using CodeLab.Modules.Llm.Models;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Llm.Providers.Demo;

/// <summary>The scripted model inside the product: a first run without any key, and the tests' and load tests' model.</summary>
internal sealed class DemoProvider(IOptions<LlmOptions> options, TimeProvider time) : IProviderKind
{
    public const string Model = "codelab-demo";

    public string Kind => "demo";

    // Last, and the catalogue never takes its model for a default while another provider is configured.
    public int Order => int.MaxValue;

    public ProviderSettings? FromEnvironment(IConfiguration configuration, LlmOptions options) => new(Kind, Kind) { Models = [Model] };

    public Task<IReadOnlyList<string>> ListModelsAsync(ProviderSettings provider, HttpClient http, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>([Model]);

    public IChatClient CreateClient(ProviderSettings provider, string model, ModelFacts facts, HttpClient http) =>
        new DemoChatClient(TimeSpan.FromMilliseconds(options.Value.Demo.WordDelayMilliseconds), time);

    public string? ChooseDefault(ProviderSettings provider, IReadOnlyList<string> models) => Model;
}
