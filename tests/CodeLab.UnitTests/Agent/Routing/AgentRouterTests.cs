using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Routing;
using Microsoft.Extensions.AI;
using Xunit;

namespace CodeLab.UnitTests.Agent.Routing;

public sealed class AgentRouterTests
{
    private readonly AgentRouter _router = new(AgentCatalog.BuiltIn);

    [Fact]
    public void The_request_is_marked_and_names_every_specialist()
    {
        var messages = _router.BuildMessages("Fix the login");

        Assert.Equal([ChatRole.System, ChatRole.User], messages.Select(m => m.Role));
        Assert.StartsWith("CODELAB-ROUTE\n", messages[0].Text);
        foreach (var agent in new[] { "coder", "architect", "debug", "ask" })
            Assert.Contains($"- {agent}: ", messages[0].Text);
        Assert.Contains("<request>\nFix the login\n</request>", messages[1].Text);
    }

    [Fact]
    public void The_answer_is_asked_for_as_a_schema_at_low_temperature()
    {
        var format = Assert.IsType<ChatResponseFormatJson>(_router.Options.ResponseFormat);

        Assert.Equal("agent_route", format.SchemaName);
        Assert.Equal(0.3f, _router.Options.Temperature);
        Assert.InRange(_router.Options.MaxOutputTokens!.Value, 50, 500);
        Assert.Empty(_router.Options.Tools);
        Assert.DoesNotContain("orchestrator", format.Schema!.Value.GetProperty("properties").GetProperty("agent").GetRawText());
    }

    [Fact]
    public void A_long_message_keeps_its_beginning_and_its_end()
    {
        var text = _router.BuildMessages("BEGIN " + new string('x', 100_000) + " END")[1].Text;

        Assert.True(text.Length < 9_000);
        Assert.Contains("BEGIN", text);
        Assert.Contains("END", text);
    }

    [Theory]
    [InlineData("""{"agent":"debug","confidence":"high","reasoning":"A failure"}""", "debug", "high")]
    [InlineData("```json\n{\"agent\":\"ask\",\"confidence\":\"low\",\"reasoning\":\"r\"}\n```", "ask", "low")]
    [InlineData("""Sure! {"agent":"architect","confidence":0.92,"reasoning":"r"} Hope that helps.""", "architect", "high")]
    [InlineData("""{"agent":"Code","confidence":"0.6","reasoning":"r",}""", "coder", "medium")]
    [InlineData("""{"agent":"debug"}""", "debug", "medium")]
    [InlineData("""{"agent":"wizard","confidence":"high","reasoning":"r"}""", "coder", "low")]
    [InlineData("""{"agent":"orchestrator","confidence":"high","reasoning":"r"}""", "coder", "low")]
    public void The_models_answer_decides(string answer, string agent, string confidence)
    {
        var decision = _router.Parse(answer, "explain this");

        Assert.Equal(agent, decision.Agent);
        Assert.Equal(confidence, decision.Confidence);
        Assert.NotEmpty(decision.Reasoning);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("I think debug.")]
    [InlineData("{\"agent\":")]
    [InlineData("[]")]
    [InlineData("{\"agent\":5}")]
    [InlineData("{\"agent\":\"\\ud800\"}")]
    [InlineData("{}")]
    public void An_answer_that_is_none_falls_back_to_keywords(string? answer) =>
        Assert.Equal(("architect", "low"), Of(_router.Parse(answer, "a blueprint please")));

    [Theory]
    [InlineData("Create a login page", "coder")]
    [InlineData("please REFACTOR this", "coder")]
    [InlineData("fix the error", "coder")]
    [InlineData("Fixing it now?", "coder")]
    [InlineData("Design the data model", "architect")]
    [InlineData("Make a plan", "architect")]
    [InlineData("why is it slow", "debug")]
    [InlineData("It crashed yesterday", "debug")]
    [InlineData("Investigate the bug", "debug")]
    [InlineData("explain closures", "ask")]
    [InlineData("What   is a monad?", "ask")]
    [InlineData("how does it work", "ask")]
    [InlineData("helpful hints wanted", "ask")]
    [InlineData("decode and prefix, special planet", "coder")]
    [InlineData("", "coder")]
    [InlineData("Hello", "coder")]
    [InlineData("Создай форму входа", "coder")]
    [InlineData("Исправь ошибку в тесте", "coder")]
    [InlineData("Напиши тест", "coder")]
    [InlineData("отрефактори класс", "coder")]
    [InlineData("Спроектируй архитектуру", "architect")]
    [InlineData("Нужен план работ", "architect")]
    [InlineData("Почему тест падает?", "debug")]
    [InlineData("Откуда эта ошибка", "debug")]
    [InlineData("программа вылетает", "debug")]
    [InlineData("Объясни замыкания", "ask")]
    [InlineData("Что такое монада?", "ask")]
    [InlineData("как работает сборщик", "ask")]
    [InlineData("помоги понять", "ask")]
    [InlineData("далёкая планета", "coder")]
    public void Keywords_decide_in_both_languages(string text, string agent) => Assert.Equal((agent, "low"), Of(_router.Fallback(text)));

    private static (string, string) Of(RouteDecision decision) => (decision.Agent, decision.Confidence);
}
