using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Approvals;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Agent.Sessions.Sharing;
using CodeLab.Protocol.Rest;
using MediatR;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Agent.Sessions.Rerun;

internal sealed class RerunSessionHandler(
    ISessionStore store,
    SessionAccess access,
    TurnEngine engine,
    PolicyBook policies,
    IOptions<AgentOptions> options,
    TimeProvider time
) : IRequestHandler<RerunSessionQuery, Result<RerunAnswer>>
{
    public async Task<Result<RerunAnswer>> Handle(RerunSessionQuery query, CancellationToken cancellationToken)
    {
        var found = await access.FindAsync(query.Caller, query.SessionId, SessionRight.Own, cancellationToken);
        if (!found.IsOk)
            return found.Error;
        var row = found.Value;
        if (row.LastSeq > options.Value.RerunEvents)
            return SessionErrors.TooLongToRerun(options.Value.RerunEvents);
        var log = new List<RecordedEvent>((int)row.LastSeq);
        await foreach (var happened in store.ReadAsync(row.Id, 0, row.LastSeq, cancellationToken))
            log.Add(new(EventCodec.Decode(happened.Type, happened.Payload.Span), happened.CreatedAt));
        var project = log.Select(e => e.Happened).OfType<ExecutorAttached>().LastOrDefault()?.Executor.WorkspaceName;
        var policy = Changed(await policies.ForAsync(row.Owner, project), query.Body);
        if (!policy.IsOk)
            return policy.Error;
        // Off the request's thread, as reading a long log takes the processor alone.
        var outcome = await Task.Run(
            () => new SessionRerun(engine, policy.Value, query.Body.StrictPrompt).Run(row.Id, log),
            cancellationToken
        );
        return new RerunAnswer
        {
            SessionId = row.Id,
            Same = outcome.Difference is null,
            Events = row.LastSeq,
            Compared = outcome.Compared,
            Difference = outcome.Difference,
            PromptChangedAt = outcome.PromptChangedAt,
        };
    }

    private Result<PolicyContext> Changed(PolicyContext policy, RerunBody body)
    {
        if (body.Autonomy is { } wanted)
        {
            if (AutonomyLevel.Find(wanted) is not { } level)
                return SessionErrors.InvalidLevel();
            policy = policy with { Autonomy = level, Ceiling = level };
        }
        if (body.Rules is not { } bodies)
            return policy;
        var now = time.GetUtcNow();
        var rules = new List<PolicyRule>(bodies.Count);
        foreach (var rule in bodies)
        {
            if (RuleCheck.Problem(rule) is { } problem)
                return problem;
            rules.Add(
                new(
                    new()
                    {
                        Id = $"tried{rules.Count + 1}",
                        Rule = rule,
                        Author = "",
                        CreatedAt = now,
                        UpdatedAt = now,
                    }
                )
            );
        }
        return policy with { Rules = [.. rules.OrderBy(r => r.Position)] };
    }
}
