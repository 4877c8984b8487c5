using CodeLab.BuildingBlocks.Results;
using CodeLab.Protocol.Rest;
using MediatR;

namespace CodeLab.Modules.Agent.Sessions;

/// <summary>
/// Plays a session once more: what people said, what the model answered and what the tools brought is taken from its log, and everything the
/// server decides is decided anew, by the rules and prompts of now or of the body. Nothing is called, run or stored. For owners.
/// <c>SESSION_NOT_FOUND</c> (404), <c>INVALID_RULE</c>, <c>INVALID_LEVEL</c> (400), <c>SESSION_TOO_LONG</c> (413).
/// </summary>
public sealed record RerunSessionQuery(SessionCaller Caller, string SessionId, RerunBody Body) : IRequest<Result<RerunAnswer>>;
