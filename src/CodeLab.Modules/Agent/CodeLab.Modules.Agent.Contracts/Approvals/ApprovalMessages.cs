using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Protocol.Rest;
using MediatR;

namespace CodeLab.Modules.Agent.Approvals;

/// <summary>All policy rules, in the order they are looked at. For administrators; the door checks that.</summary>
public sealed record ListPoliciesQuery : IRequest<PolicyRuleList>;

/// <summary>Writes a rule: a new one without an id, else the one of that id. <c>INVALID_RULE</c> (400), <c>POLICY_NOT_FOUND</c> (404).</summary>
/// <param name="Caller">Who writes it; becomes its author.</param>
/// <param name="Id">The rule to write over; null = a new one.</param>
/// <param name="Rule">The rule.</param>
public sealed record SavePolicyCommand(SessionCaller Caller, string? Id, PolicyRuleBody? Rule) : IRequest<Result<PolicyRuleInfo>>;

/// <summary>Takes a rule away. <c>POLICY_NOT_FOUND</c> (404).</summary>
public sealed record DeletePolicyCommand(SessionCaller Caller, string Id) : IRequest<Result<Unit>>;

/// <summary>Says which past calls a rule would have judged otherwise, without storing it. <c>INVALID_RULE</c> (400).</summary>
public sealed record TryPolicyQuery(TryPolicyBody Body) : IRequest<Result<TryPolicyAnswer>>;

/// <summary>Decisions the caller's agents remember, newest first.</summary>
/// <param name="Caller">Who asks.</param>
/// <param name="Everybody">Those of all users; for administrators, the handler checks that.</param>
public sealed record ListRememberedQuery(SessionCaller Caller, bool Everybody) : IRequest<RememberedDecisionList>;

/// <summary>Revokes a remembered decision: of one's own, or any for administrators. <c>RULE_NOT_FOUND</c> (404).</summary>
public sealed record RevokeRememberedCommand(SessionCaller Caller, string Id) : IRequest<Result<Unit>>;

/// <summary>How much the caller's agents may do without asking, in all sessions or in one.</summary>
public sealed record GetAutonomyQuery(SessionCaller Caller, string? SessionId) : IRequest<Result<AutonomySetting>>;

/// <summary>Chooses the level, for all of the caller's sessions or for one. <c>INVALID_LEVEL</c> (400).</summary>
public sealed record SetAutonomyCommand(SessionCaller Caller, AutonomySetting Setting) : IRequest<Result<AutonomySetting>>;

/// <summary>What waits for a decision that the caller may make: in their own sessions, and in those of the teams they lead.</summary>
public sealed record GetApprovalQueueQuery(SessionCaller Caller) : IRequest<ApprovalQueue>;
