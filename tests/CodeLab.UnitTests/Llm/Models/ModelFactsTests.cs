using CodeLab.Modules.Llm;
using CodeLab.Modules.Llm.Models;
using Microsoft.Extensions.Options;
using Xunit;

namespace CodeLab.UnitTests.Llm.Models;

public sealed class ModelFactsTests
{
    [Theory]
    [InlineData("gpt-4o", 2.5)]
    [InlineData("gpt-4o-2024-08-06", 2.5)]
    [InlineData("GPT-4o", 2.5)]
    [InlineData("openai/gpt-4o", 2.5)]
    [InlineData("gpt-4o-mini", 0.15)]
    [InlineData("claude-sonnet-4-5-20250929", 3)]
    [InlineData("claude-3-5-haiku-latest", 0.8)]
    public void A_name_finds_its_price(string model, double input) => Assert.Equal((decimal)input, Book().Find(model).Input);

    [Theory, InlineData("gpt-4o-audio-preview"), InlineData("gpt-4o-nano"), InlineData("llama3:8b"), InlineData("gpt-4")]
    public void A_longer_name_does_not_take_a_shorter_one_s_price(string model) => Assert.NotEqual(2.5m, Book().Find(model).Input);

    [Fact]
    public void Cached_and_written_tokens_have_their_own_price()
    {
        var facts = Book().Find("claude-sonnet-4-5");

        // 400,000 fresh at 3, 400,000 cached at 0.30, 200,000 written at 3.75, 100,000 out at 15.
        Assert.Equal(1.2m + 0.12m + 0.75m + 1.5m, facts.CostOf(1_000_000, 100_000, 400_000, 200_000));
    }

    [Fact]
    public void An_unknown_model_has_no_cost() => Assert.Null(Book().Find("somebody-s-model").CostOf(10, 10, 0, 0));

    [Fact]
    public void Settings_win_over_the_shipped_list()
    {
        var book = Book(
            new ModelFactsOptions { Model = "gpt-4o", Input = 1 },
            new ModelFactsOptions
            {
                Model = "house",
                Input = 2,
                Output = 4,
                ContextWindow = 5000,
            }
        );

        Assert.Equal((1m, 10m), (book.Find("gpt-4o").Input, book.Find("gpt-4o").Output));
        Assert.Equal((2m, 5000), (book.Find("house").Input, book.Find("house").ContextWindow));
    }

    [Theory, InlineData("o3", true), InlineData("gpt-5-codex", true), InlineData("deepseek-r1:14b", true), InlineData("gpt-4.1", false)]
    public void Models_that_reason_first_are_known(string model, bool reasoning) => Assert.Equal(reasoning, Book().Find(model).Reasoning);

    private static ModelFactsBook Book(params ModelFactsOptions[] prices) => new(Options.Create(new LlmOptions { Prices = [.. prices] }));
}
