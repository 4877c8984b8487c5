using CodeLab.FakeLlm;
using CodeLab.Modules.Llm.Chat;
using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Providers;
using CodeLab.Modules.Llm.Providers.Anthropic;
using CodeLab.Modules.Llm.Providers.OpenAi;
using Microsoft.Extensions.Options;
using Xunit;

namespace CodeLab.UnitTests.Llm.Models;

public sealed class ModelCatalogueTests
{
    [Fact]
    public async Task Without_any_provider_the_demo_is_the_default()
    {
        await using var llm = await LlmHost.StartAsync();

        var models = await llm.Sender.Send(new ListModelsQuery("ada"), TestContext.Current.CancellationToken);

        var model = Assert.Single(models);
        Assert.Equal(("codelab-demo", "demo", true), (model.Id, model.Provider, model.IsDefault));
    }

    [Theory, InlineData("openai"), InlineData("anthropic"), InlineData("ollama")]
    public async Task A_real_provider_takes_the_default_from_the_demo(string kind)
    {
        await using var fake = await LlmHost.FakeAsync();
        await using var llm = await LlmHost.StartAsync(kind, fake);

        var models = await llm.Sender.Send(new ListModelsQuery("ada"), TestContext.Current.CancellationToken);

        Assert.Equal(("fake-model", kind), models.Where(m => m.IsDefault).Select(m => (m.Id, m.Provider)).Single());
        Assert.Contains(models, m => m.Id == "codelab-demo");
    }

    [Fact]
    public async Task A_provider_that_lists_nothing_does_not_hand_the_default_to_the_demo()
    {
        await using var fake = await LlmHost.FakeAsync(new FakeLlmOptions { Models = [] });
        await using var llm = await LlmHost.StartAsync("openai", fake);

        var updates = await llm.AskAsync("Hi", model: null);

        Assert.Equal("INVALID_MODEL", Assert.IsType<ChatUpdate.Failed>(Assert.Single(updates)).Code);
    }

    [Theory]
    [InlineData(null, "fake-model", "openai", "fake-model")]
    [InlineData("fake-small", "fake-small", "openai", "fake-small")]
    [InlineData("openai/any.thing:1", "openai/any.thing:1", "openai", "any.thing:1")]
    [InlineData("ollama/llama9", "ollama/llama9", "ollama", "llama9")]
    [InlineData("codelab-demo", "codelab-demo", "demo", "codelab-demo")]
    [InlineData("demo/codelab-demo", "demo/codelab-demo", "demo", "codelab-demo")]
    public async Task A_name_reaches_its_provider(string? name, string id, string provider, string model)
    {
        await using var fake = await LlmHost.FakeAsync();
        await using var llm = await LlmHost.StartAsync([.. LlmHost.Settings("openai", fake), .. LlmHost.Settings("ollama", fake)]);
        var catalogue = (ModelCatalogue)llm.Services.GetService(typeof(ModelCatalogue))!;

        var resolved = await catalogue.ResolveAsync(name, TestContext.Current.CancellationToken);

        Assert.Equal((id, provider, model), (resolved.Value!.Id, resolved.Value.Provider.Name, resolved.Value.Model));
    }

    [Theory]
    [InlineData("nobody-has-it")]
    [InlineData("anthropic/claude")]
    [InlineData("demo/other")]
    [InlineData("openai/../admin")]
    [InlineData("open ai")]
    public async Task An_unknown_or_odd_name_is_refused(string name)
    {
        await using var fake = await LlmHost.FakeAsync();
        await using var llm = await LlmHost.StartAsync("openai", fake);

        var resolved = await llm.Sender.Send(new ResolveModelQuery("ada", name), TestContext.Current.CancellationToken);

        Assert.Equal(("INVALID_MODEL", 400), (resolved.Error!.Code, resolved.Error.Status));
    }

    [Fact]
    public async Task Configured_models_come_first_and_the_default_can_be_chosen()
    {
        await using var fake = await LlmHost.FakeAsync();
        await using var llm = await LlmHost.StartAsync(
            "openai",
            fake,
            ("CodeLab:Llm:OpenAi:Models:0", "mine"),
            ("CodeLab:Llm:DefaultModel", "openai/special")
        );

        var models = await llm.Sender.Send(new ListModelsQuery("ada"), TestContext.Current.CancellationToken);

        Assert.Equal(["openai/special", "mine", "fake-model", "fake-small", "codelab-demo"], models.Select(m => m.Id));
        Assert.True(models[0].IsDefault);
        Assert.Single(models, m => m.IsDefault);
    }

    [Fact]
    public async Task Embedding_models_are_not_offered_for_chat()
    {
        await using var fake = await LlmHost.FakeAsync(
            new FakeLlmOptions
            {
                Models = ["text-embedding-3-large", "whisper-1", "gpt-4o-mini-tts", "gpt-4o", "gpt-5.2", "gpt-5", "gpt-5.2-mini"],
            }
        );
        await using var llm = await LlmHost.StartAsync("openai", fake);

        var models = await llm.Sender.Send(new ListModelsQuery("ada"), TestContext.Current.CancellationToken);

        Assert.Equal(["gpt-4o", "gpt-5.2", "gpt-5", "gpt-5.2-mini", "codelab-demo"], models.Select(m => m.Id));
        Assert.Equal("gpt-5.2", models.Single(m => m.IsDefault).Id);
    }

    [Fact]
    public void Anthropic_s_default_is_the_newest_of_its_family_for_code()
    {
        var provider = new ProviderSettings("anthropic", "anthropic") { BaseUrl = new Uri("https://api.anthropic.com") };

        Assert.Equal(
            "claude-sonnet-9",
            new AnthropicProvider().ChooseDefault(provider, ["claude-opus-9", "claude-sonnet-9", "claude-sonnet-8"])
        );
        Assert.Equal("claude-sonnet-4-5", new AnthropicProvider().ChooseDefault(provider, []));
    }

    [Fact]
    public void A_server_of_one_s_own_that_lists_nothing_gets_no_made_up_model() =>
        Assert.Null(
            new OpenAiProvider().ChooseDefault(new ProviderSettings("openai", "openai") { BaseUrl = new Uri("http://localhost:1/v1") }, [])
        );

    [Fact]
    public async Task A_mistyped_address_stops_the_start()
    {
        var fault = await Assert.ThrowsAsync<OptionsValidationException>(() =>
            LlmHost.StartAsync(("OPENAI_BASE_URL", "localhost:8080"), ("CodeLab:Llm:Timeouts:IdleSeconds", "0"))
        );

        Assert.Contains(fault.Failures, f => f.Contains("OPENAI_BASE_URL"));
        Assert.Contains(fault.Failures, f => f.Contains("IdleSeconds"));
    }
}
