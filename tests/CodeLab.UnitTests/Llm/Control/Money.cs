using CodeLab.FakeLlm;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Testing.Databases;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CodeLab.UnitTests.Llm.Control;

/// <summary>Short forms for tests of the gate: administrators' changes, and calls as a door makes them.</summary>
internal static class Money
{
    public static readonly AdminActor Admin = new("root");

    /// <summary>Settings of a host on a database of a test.</summary>
    public static (string, string)[] On(TestDatabase database) =>
        [
            ("CodeLab:Database:Provider", database.Kind.ToString()),
            ("CodeLab:Database:ConnectionString", database.ConnectionString),
            ("CodeLab:RateLimits:Enabled", "false"),
        ];

    public static Task<LlmHost> HostAsync(TestDatabase database, params (string Name, string Value)[] settings) =>
        LlmHost.StartAsync(null, new DirectoryInfo(database.DataDirectory), [.. On(database), .. settings]);

    public static async Task<BudgetInfo> BudgetAsync(
        this LlmHost llm,
        string scope,
        string subject,
        decimal amount,
        string period = "total"
    )
    {
        var draft = new BudgetDraft
        {
            Scope = scope,
            Subject = subject,
            Period = period,
            Amount = amount,
        };
        var made = await llm.Sender.Send(new SaveBudgetCommand(Admin, null, draft), TestContext.Current.CancellationToken);
        Assert.Null(made.Error);
        return made.Value!;
    }

    /// <summary>A price of one dollar a token out and nothing in: budgets then count tokens.</summary>
    public static async Task PriceAsync(this LlmHost llm, string model, decimal input = 0, decimal output = 1_000_000)
    {
        var price = new PriceInfo
        {
            Model = model,
            Input = input,
            Output = output,
        };
        var set = await llm.Sender.Send(new SetPriceCommand(Admin, price), TestContext.Current.CancellationToken);
        Assert.Null(set.Error);
    }

    public static ICallGate Gate(this LlmHost llm) => llm.Services.GetRequiredService<ICallGate>();

    public static CallRequest Request(string user = "ada", string? model = "codelab-demo", int maxOutput = 1) =>
        new()
        {
            Caller = new CallCaller(user),
            Dialect = CallDialect.OpenAiChat,
            Model = model,
            EstimatedInputTokens = 10,
            MaxOutputTokens = maxOutput,
        };

    public static CallOutcome Used(CallAdmission admission, long output, long input = 10) =>
        new()
        {
            Outcome = CallOutcome.Completed,
            Target = admission.Targets[0],
            Usage = new CallUsage(input, output),
            Attempts = 1,
        };

    public static async Task<ProviderInfo> ProviderAsync(LlmHost llm, string name, FakeLlmServer fake)
    {
        var draft = new ProviderDraft
        {
            Name = name,
            Kind = "openai",
            BaseUrl = fake.OpenAiBaseUrl,
            ApiKey = "sk-test-" + name,
            AllowPrivateNetwork = true,
        };
        var made = await llm.Sender.Send(new CreateProviderCommand(Admin, draft), TestContext.Current.CancellationToken);
        Assert.Null(made.Error);
        return made.Value!;
    }

    public static async Task<RouteInfo> RouteAsync(LlmHost llm, string name, string strategy, params (string Model, int Weight)[] targets)
    {
        var draft = new RouteDraft
        {
            Name = name,
            Strategy = strategy,
            Targets = [.. targets.Select(t => new RouteTargetInfo { Model = t.Model, Weight = t.Weight })],
        };
        var made = await llm.Sender.Send(new SaveRouteCommand(Admin, null, draft), TestContext.Current.CancellationToken);
        Assert.Null(made.Error);
        return made.Value!;
    }
}
