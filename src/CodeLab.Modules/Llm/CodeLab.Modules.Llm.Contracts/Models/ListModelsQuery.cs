using CodeLab.BuildingBlocks.Results;
using CodeLab.Protocol.Rest;
using MediatR;

namespace CodeLab.Modules.Llm.Models;

/// <summary>The models a user may choose; the default one is flagged.</summary>
/// <param name="UserId">The user.</param>
public sealed record ListModelsQuery(string UserId) : IRequest<IReadOnlyList<ModelInfo>>;

/// <summary>Checks a model name or alias before it is stored with a session: <c>INVALID_MODEL</c> (400) when nobody serves it.</summary>
/// <param name="UserId">The user.</param>
/// <param name="Model">Name or alias; null = the default model.</param>
public sealed record ResolveModelQuery(string UserId, string? Model) : IRequest<Result<ModelInfo>>;
