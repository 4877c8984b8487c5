using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions.Runtime;
using CodeLab.Protocol.Rest;
using MediatR;

namespace CodeLab.Modules.Agent.Approvals.ManagePolicies;

internal static class PolicyErrors
{
    public static Error NotFound(string id) => new("POLICY_NOT_FOUND", $"There is no rule '{(id.Length > 64 ? id[..64] : id)}'.", 404);
}

internal sealed class ListPoliciesHandler(PolicyStore store) : IRequestHandler<ListPoliciesQuery, PolicyRuleList>
{
    public async Task<PolicyRuleList> Handle(ListPoliciesQuery query, CancellationToken cancellationToken)
    {
        var rules = await store.RulesAsync(cancellationToken);
        return new() { Rules = [.. rules.OrderBy(r => RuleLevel.All.ToList().IndexOf(r.Rule.Level!))], Total = rules.Count };
    }
}

internal sealed class SavePolicyHandler(PolicyStore store, PolicyBook book, TimeProvider time)
    : IRequestHandler<SavePolicyCommand, Result<PolicyRuleInfo>>
{
    public async Task<Result<PolicyRuleInfo>> Handle(SavePolicyCommand command, CancellationToken cancellationToken)
    {
        if (RuleCheck.Problem(command.Rule) is { } problem)
            return problem;
        var before = command.Id is { } id ? (await store.RulesAsync(cancellationToken)).Find(r => r.Id == id) : null;
        if (command.Id is not null && before is null)
            return PolicyErrors.NotFound(command.Id);
        var now = time.GetUtcNow();
        var rule = new PolicyRuleInfo
        {
            Id = before?.Id ?? RandomIds.Make("pol_"),
            Rule = command.Rule!,
            Author = command.Caller.UserId,
            CreatedAt = before?.CreatedAt ?? now,
            UpdatedAt = now,
            LastUsedAt = before?.LastUsedAt,
        };
        await store.SaveAsync(rule, cancellationToken);
        await book.ChangedAsync(cancellationToken);
        return rule;
    }
}

internal sealed class DeletePolicyHandler(PolicyStore store, PolicyBook book) : IRequestHandler<DeletePolicyCommand, Result<Unit>>
{
    public async Task<Result<Unit>> Handle(DeletePolicyCommand command, CancellationToken cancellationToken)
    {
        if (!await store.DeleteAsync(command.Id, command.Caller.UserId, cancellationToken))
            return PolicyErrors.NotFound(command.Id);
        await book.ChangedAsync(cancellationToken);
        return Unit.Value;
    }
}
