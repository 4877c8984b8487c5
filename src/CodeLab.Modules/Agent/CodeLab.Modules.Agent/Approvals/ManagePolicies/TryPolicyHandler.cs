using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Agent.Tools;
using CodeLab.Protocol.Rest;
using MediatR;

namespace CodeLab.Modules.Agent.Approvals.ManagePolicies;

/// <summary>
/// Judges past calls twice: with the rules as they are and with the one that is tried. Decisions people remembered are left out, since the
/// question is what the rules do.
/// </summary>
internal sealed class TryPolicyHandler(PolicyStore rules, PolicyBook book, ISessionStore sessions, AgentCatalog agents, TimeProvider time)
    : IRequestHandler<TryPolicyQuery, Result<TryPolicyAnswer>>
{
    private const int _mostSessions = 500;
    private const int _summaryLength = 200;

    public async Task<Result<TryPolicyAnswer>> Handle(TryPolicyQuery query, CancellationToken cancellationToken)
    {
        if (RuleCheck.Problem(query.Body.Rule) is { } problem)
            return problem;
        var limit = Math.Clamp(query.Body.Limit ?? 500, 1, 2000);
        var now = time.GetUtcNow();
        var tried = new PolicyRule(
            new()
            {
                Id = query.Body.Replaces ?? "tried",
                Rule = query.Body.Rule!,
                Author = "",
                CreatedAt = now,
                UpdatedAt = now,
            }
        );
        var before = await book.RulesAsync();
        PolicyRule[] after = [.. before.Where(r => r.Id != query.Body.Replaces).Append(tried).OrderBy(r => r.Position)];

        var calls = new List<(ToolJudgement Call, string SessionId, string CallId, DateTimeOffset At)>();
        foreach (var sessionId in await rules.RecentSessionsAsync(_mostSessions, cancellationToken))
        {
            await ReadAsync(sessionId, calls, cancellationToken);
            if (calls.Count >= limit)
                break;
        }
        calls.Sort((a, b) => b.At.CompareTo(a.At));
        if (calls.Count > limit)
            calls.RemoveRange(limit, calls.Count - limit);

        var changed = new List<TriedCall>();
        foreach (var (call, sessionId, callId, at) in calls)
        {
            var (was, wasWhy) = Describe(ApprovalPolicy.Judge(call with { Rules = before }));
            var (isNow, isWhy) = Describe(ApprovalPolicy.Judge(call with { Rules = after }));
            if (was == isNow)
                continue;
            changed.Add(
                new()
                {
                    SessionId = sessionId,
                    CallId = callId,
                    ToolName = call.Tool.Name,
                    Summary = Summary(call),
                    Agent = call.Agent.Type,
                    At = at,
                    Before = was,
                    BeforeWhy = wasWhy,
                    After = isNow,
                    AfterWhy = isWhy,
                }
            );
        }
        return new TryPolicyAnswer
        {
            Examined = calls.Count,
            Matched = calls.Count(c => tried.Matches(c.Call)),
            Changed = changed,
        };
    }

    private async Task ReadAsync(
        string sessionId,
        List<(ToolJudgement, string, string, DateTimeOffset)> calls,
        CancellationToken cancellationToken
    )
    {
        string? owner = null;
        string? autonomy = null;
        ExecutorProfile? executor = null;
        PolicyContext? policy = null;
        await foreach (var row in sessions.ReadAsync(sessionId, 0, null, cancellationToken))
        {
            switch (EventCodec.Decode(row.Type, row.Payload.Span))
            {
                case SessionCreated e:
                    owner = e.Owner;
                    break;
                case ExecutorAttached e:
                    executor = e.Executor;
                    break;
                case AutonomyChosen e:
                    autonomy = e.Level;
                    break;
                case AssistantWrote { Calls.Count: > 0 } e when owner is not null && agents.Find(e.Agent) is { } agent:
                    policy ??= await book.ForAsync(owner, executor?.WorkspaceName);
                    foreach (var call in e.Calls)
                    {
                        if (ToolCatalog.Find(call.ToolName) is not { Kind: not ToolKind.Server } tool)
                            continue;
                        var judgement = new ToolJudgement(
                            agent,
                            tool,
                            call.Arguments,
                            AutonomyLevel.Stricter(policy.Ceiling, autonomy ?? policy.Autonomy),
                            []
                        )
                        {
                            Roles = policy.Roles,
                            Platform = executor?.Platform,
                            Project = executor?.WorkspaceName,
                            SessionId = sessionId,
                            Now = row.CreatedAt,
                        };
                        calls.Add((judgement, sessionId, call.CallId, row.CreatedAt));
                    }
                    break;
            }
        }
    }

    private static (string Effect, string Why) Describe(Verdict verdict) =>
        verdict switch
        {
            Verdict.Allow allow => (RuleEffect.Allow, allow.Why),
            Verdict.Ask { ApproverRole: not null } ask => (RuleEffect.SecondPerson, ask.Reason),
            Verdict.Ask ask => (RuleEffect.Ask, ask.Reason),
            Verdict.Deny deny => (RuleEffect.Deny, deny.Message),
            _ => throw new InvalidOperationException(verdict.GetType().Name),
        };

    private static string? Summary(ToolJudgement call)
    {
        var text =
            call.Arguments.TryGetProperty("command", out var command) && command.ValueKind is System.Text.Json.JsonValueKind.String
                ? command.GetString()!
                : string.Join(", ", ToolPaths.Of(call.Tool, call.Arguments));
        return text.Length <= _summaryLength ? text : text[.._summaryLength];
    }
}
