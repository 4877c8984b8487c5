using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Budgets;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Testing.Databases;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CodeLab.UnitTests.Llm.Control;

public sealed class BudgetTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(DatabaseKinds.All), MemberType = typeof(DatabaseKinds))]
    public async Task A_hundred_calls_at_once_on_a_budget_for_ten_admit_ten(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var llm = await Money.HostAsync(database);
        await llm.PriceAsync("codelab-demo");
        await llm.BudgetAsync(BudgetScopes.User, "ada", 10);

        var admitted = await RaceAsync([llm], 100);

        Assert.Equal(10, admitted.Count);

        await Task.WhenAll(admitted.Select(a => a.SettleAsync(Money.Used(a, output: 1)).AsTask()));
        Assert.Equal(10, await SpentAsync(llm));
        Assert.Equal("INSUFFICIENT_QUOTA", (await llm.Gate().AdmitAsync(Money.Request(), Cancelled)).Error?.Code);
    }

    [Fact]
    public async Task Two_nodes_share_one_budget()
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.PostgreSql);
        await using var first = await Money.HostAsync(database);
        await first.PriceAsync("codelab-demo");
        await first.BudgetAsync(BudgetScopes.User, "ada", 10);
        await using var second = await Money.HostAsync(database);

        var admitted = await RaceAsync([first, second], 100);

        Assert.Equal(10, admitted.Count);
        await Task.WhenAll(admitted.Select(a => a.SettleAsync(Money.Used(a, output: 1)).AsTask()));
        Assert.Equal(10, await SpentAsync(first));
    }

    [Fact]
    public async Task Two_nodes_that_work_through_a_budget_never_pass_it_and_use_it_up()
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.PostgreSql);
        await using var first = await Money.HostAsync(database);
        await first.PriceAsync("codelab-demo");
        await first.BudgetAsync(BudgetScopes.Everyone, "", 2_000);
        await using var second = await Money.HostAsync(database);
        var calls = 0;

        // Each reserves 4 and spends 1 to 3, until the budget refuses.
        await Task.WhenAll(Enumerable.Range(0, 40).Select(i => WorkAsync(i % 2 == 0 ? first : second, i)));

        var spent = await SpentAsync(first);
        // Never more. Less by what the calls under way at the first refusal had reserved and did not spend.
        Assert.InRange(spent, 1_800, 2_000);
        Assert.Equal(calls, (await first.LedgerAsync()).Count);
        Assert.Equal(spent, (await first.LedgerAsync()).Sum(r => r.CostNanos!.Value) / 1_000_000_000m);

        async Task WorkAsync(LlmHost node, int worker)
        {
            for (var i = 0; i < 1000; i++)
            {
                var admitted = await node.Gate().AdmitAsync(Money.Request("user" + worker, maxOutput: 4), Cancelled);
                if (!admitted.IsOk)
                    return;
                Interlocked.Increment(ref calls);
                await admitted.Value.SettleAsync(Money.Used(admitted.Value, output: 1 + (i + worker) % 3));
            }
        }
    }

    [Fact]
    public async Task A_stream_that_is_cut_is_billed_by_what_came()
    {
        await using var llm = await LlmHost.StartAsync();
        await llm.PriceAsync("codelab-demo");
        await llm.BudgetAsync(BudgetScopes.User, "ada", 1_000);
        var admission = (await llm.Gate().AdmitAsync(Money.Request(maxOutput: 500), Cancelled)).Value!;

        var cost = await admission.SettleAsync(
            new CallOutcome
            {
                Outcome = CallOutcome.Cancelled,
                Target = admission.Targets[0],
                WrittenCharacters = 200,
                Attempts = 1,
            }
        );

        Assert.Equal(50, cost);
        Assert.Equal(50, await SpentAsync(llm));
        Assert.True(Assert.Single(await llm.LedgerAsync()).IsEstimated);
    }

    [Fact]
    public async Task Nothing_is_reserved_in_one_budget_when_another_refuses()
    {
        await using var llm = await LlmHost.StartAsync();
        await llm.PriceAsync("codelab-demo");
        await llm.BudgetAsync(BudgetScopes.Everyone, "", 10);
        await llm.BudgetAsync(BudgetScopes.User, BudgetScopes.Each, 5);

        Assert.NotNull((await llm.Gate().AdmitAsync(Money.Request("ada", maxOutput: 6), Cancelled)).Error);

        // Two users of five each: all ten are still there.
        Assert.Null((await llm.Gate().AdmitAsync(Money.Request("ada", maxOutput: 5), Cancelled)).Error);
        Assert.Null((await llm.Gate().AdmitAsync(Money.Request("eve", maxOutput: 5), Cancelled)).Error);
        Assert.NotNull((await llm.Gate().AdmitAsync(Money.Request("bob", maxOutput: 1), Cancelled)).Error);
    }

    [Fact]
    public async Task A_budget_that_is_lowered_holds_for_the_next_call()
    {
        await using var llm = await LlmHost.StartAsync();
        await llm.PriceAsync("codelab-demo");
        var budget = await llm.BudgetAsync(BudgetScopes.User, "ada", 100);
        var first = (await llm.Gate().AdmitAsync(Money.Request(maxOutput: 10), Cancelled)).Value!;
        await first.SettleAsync(Money.Used(first, output: 10));

        await llm.Sender.Send(new SaveBudgetCommand(Money.Admin, budget.Id, new BudgetDraft { Amount = 12 }), Cancelled);

        Assert.NotNull((await llm.Gate().AdmitAsync(Money.Request(maxOutput: 3), Cancelled)).Error);
        Assert.Null((await llm.Gate().AdmitAsync(Money.Request(maxOutput: 2), Cancelled)).Error);
    }

    [Fact]
    public async Task A_model_without_a_price_is_refused_where_there_is_a_budget()
    {
        await using var fake = await LlmHost.FakeAsync();
        await using var llm = await LlmHost.StartAsync("openai", fake);
        await llm.BudgetAsync(BudgetScopes.User, "ada", 100);

        var refused = (await llm.Gate().AdmitAsync(Money.Request(model: "openai/nobody-knows"), Cancelled)).Error;

        Assert.Equal("INSUFFICIENT_QUOTA", refused?.Code);
        Assert.Contains("no price", refused?.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(DatabaseKinds.All), MemberType = typeof(DatabaseKinds))]
    public async Task Calls_of_a_node_that_died_are_settled_as_estimated(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using (var dying = await Money.HostAsync(database))
        {
            await dying.PriceAsync("codelab-demo");
            await dying.BudgetAsync(BudgetScopes.User, "ada", 100);
            // Never settled, as if the process had been killed in the middle of them.
            Assert.Null((await dying.Gate().AdmitAsync(Money.Request(maxOutput: 7), Cancelled)).Error);
            Assert.Null((await dying.Gate().AdmitAsync(Money.Request(maxOutput: 5), Cancelled)).Error);
            // Behind them in the ledger's queue, so that they are on record when this is.
            var settled = (await dying.Gate().AdmitAsync(Money.Request(maxOutput: 1), Cancelled)).Value!;
            await settled.SettleAsync(Money.Used(settled, output: 1));
        }
        await using var living = await Money.HostAsync(database);
        if (kind == DatabaseKind.PostgreSql)
        {
            var data = living.Services.GetRequiredService<Database>();
            await using var connection = await data.OpenAsync(Cancelled);
            await using var command = connection.CreateCommand();
            command.CommandText = "UPDATE llm_nodes SET seen_at = seen_at - 700000";
            await command.ExecuteNonQueryAsync(Cancelled);
            await living.Services.GetRequiredService<BudgetKeeper>().SettleDeadNodesAsync(Cancelled);
        }

        var rows = await living.LedgerAsync();

        Assert.Equal(13, await SpentAsync(living));
        Assert.Equal(["abandoned", "abandoned", "completed"], rows.Select(r => r.Outcome).Order(StringComparer.Ordinal));
        Assert.All(rows.Where(r => r.Outcome == "abandoned"), r => Assert.True(r.IsEstimated));
        // What they held is free again, and no more.
        Assert.NotNull((await living.Gate().AdmitAsync(Money.Request(maxOutput: 88), Cancelled)).Error);
        Assert.Null((await living.Gate().AdmitAsync(Money.Request(maxOutput: 87), Cancelled)).Error);
    }

    private static async Task<List<CallAdmission>> RaceAsync(LlmHost[] nodes, int calls)
    {
        var answers = await Task.WhenAll(
            Enumerable
                .Range(0, calls)
                .Select(i => Task.Run(async () => await nodes[i % nodes.Length].Gate().AdmitAsync(Money.Request(), Cancelled), Cancelled))
        );
        Assert.All(answers.Where(a => !a.IsOk), a => Assert.Equal(("INSUFFICIENT_QUOTA", 402), (a.Error!.Code, a.Error.Status)));
        return [.. answers.Where(a => a.IsOk).Select(a => a.Value!)];
    }

    private static async Task<decimal> SpentAsync(LlmHost llm) =>
        Assert.Single(await llm.Sender.Send(new ListBudgetsQuery(), Cancelled)).Spent;
}
