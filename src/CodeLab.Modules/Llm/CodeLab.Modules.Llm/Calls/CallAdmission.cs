using System.Buffers;
using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Providers;
using CodeLab.Modules.Llm.Providers.Http;

namespace CodeLab.Modules.Llm.Calls;

/// <summary>
/// An admitted call: rights, limits and budget said yes, and the money is reserved. Whoever holds it settles it exactly once, whatever happens;
/// a second time does nothing.
/// </summary>
internal abstract class CallAdmission
{
    private int _settled;

    /// <summary>Who may serve the call, the first choice first; never empty unless <see cref="Cached"/> is set.</summary>
    public abstract IReadOnlyList<CallTarget> Targets { get; }

    /// <summary>Name for <c>x-codelab-route</c>: the alias or route taken, else the model.</summary>
    public abstract string Route { get; }

    /// <summary>The answer of an earlier identical call, to be sent as it is: no target is asked.</summary>
    public virtual CachedAnswer? Cached => null;

    /// <summary>True when the answer's bytes are to be handed to <see cref="Keep"/> as they go out.</summary>
    public virtual bool Keeps => false;

    /// <summary>A further piece of the answer, for the cache. Kept only when the call is settled as completed.</summary>
    public virtual void Keep(string contentType, ReadOnlySpan<byte> piece) { }

    /// <summary>Ends the reservation with what was really used, and puts the call on record.</summary>
    /// <returns>Cost in US dollars; null when the price is not known or the call was settled before.</returns>
    public ValueTask<decimal?> SettleAsync(CallOutcome outcome) =>
        Interlocked.Exchange(ref _settled, 1) == 0 ? SettleOnceAsync(outcome) : ValueTask.FromResult<decimal?>(null);

    protected abstract ValueTask<decimal?> SettleOnceAsync(CallOutcome outcome);
}

/// <summary>A deployment that may serve a call: a provider, its own name of the model, and the limits of a try.</summary>
/// <param name="Kind">How to talk to it.</param>
/// <param name="Provider">Where it is and its key.</param>
/// <param name="Model">Name as the provider knows it.</param>
/// <param name="Facts">Limits and prices.</param>
/// <param name="Limits">Time-outs and retries of a call to it.</param>
internal sealed record CallTarget(IProviderKind Kind, ProviderSettings Provider, string Model, ModelFacts Facts, CallLimits Limits)
{
    /// <summary>Name as clients use it.</summary>
    public string Id { get; init; } = Model;
}

/// <summary>An answer from the cache, in the dialect and form (stream or not) in which it is asked for now.</summary>
/// <param name="ContentType">Its content type.</param>
/// <param name="Body">The whole body; of a stream every event.</param>
internal sealed record CachedAnswer(string ContentType, ReadOnlySequence<byte> Body);

/// <summary>Tokens of a call as the provider counted them. Input includes what was read from or written to its cache.</summary>
internal readonly record struct CallUsage(long Input, long Output, long CacheRead = 0, long CacheWritten = 0, long Reasoning = 0);

/// <summary>How a call ended.</summary>
internal sealed record CallOutcome
{
    public const string Completed = "completed";
    public const string Cancelled = "cancelled";

    /// <summary><see cref="Completed"/>, <see cref="Cancelled"/>, or the error code.</summary>
    public required string Outcome { get; init; }

    /// <summary>Who answered, or was asked last; null when nobody was asked (an answer from the cache, a door that gave up).</summary>
    public CallTarget? Target { get; init; }

    /// <summary>Tokens the provider reported; null = it reported none, and <see cref="WrittenCharacters"/> is what an estimate goes by.</summary>
    public CallUsage? Usage { get; init; }

    /// <summary><see cref="Usage"/> was completed by a guess: the answer broke off before its tokens were counted.</summary>
    public bool IsUsageGuessed { get; init; }

    /// <summary>The provider refused before it worked: nothing is charged.</summary>
    public bool IsRefused { get; init; }

    /// <summary>Bytes or characters of content that reached us, for an estimate where no usage was reported (about four a token).</summary>
    public long WrittenCharacters { get; init; }

    /// <summary>Requests sent, retries included.</summary>
    public int Attempts { get; init; }

    /// <summary>From the door's beginning to the first piece of the answer; null = there was none.</summary>
    public TimeSpan? FirstToken { get; init; }

    /// <summary>Time spent here and not waiting for the provider, up to the first byte of the answer.</summary>
    public TimeSpan Overhead { get; init; }
}
