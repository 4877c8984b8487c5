using CodeLab.BuildingBlocks.Results;

namespace CodeLab.Modules.Llm.Calls;

/// <summary>
/// Stands before every call to a model, whichever door it comes by: alias → rights → rate limit → budget reserve → cache → route (design.md §6).
/// Fails closed: where it can not decide it refuses.
/// </summary>
internal interface ICallGate
{
    /// <summary>Admits a call, or says why not (<c>INVALID_MODEL</c>, <c>RATE_LIMIT_EXCEEDED</c>, <c>INSUFFICIENT_QUOTA</c> …).</summary>
    ValueTask<Result<CallAdmission>> AdmitAsync(CallRequest request, CancellationToken cancellationToken);
}
