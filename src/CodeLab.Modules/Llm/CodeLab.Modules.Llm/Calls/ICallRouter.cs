using CodeLab.Modules.Llm.Providers.Http;

namespace CodeLab.Modules.Llm.Calls;

/// <summary>
/// Finds a target that answers: tries, waits, falls back, and never after the first byte of an answer has been handed on. What a try is, the caller says.
/// </summary>
internal interface ICallRouter
{
    /// <summary>Tries the targets until one begins to answer.</summary>
    /// <param name="admission">Whose targets.</param>
    /// <param name="state">Passed to each try, so that no closure is made on the hot path.</param>
    /// <param name="attempt">
    /// Sends the call and returns when the answer has begun (status and headers are good). Throws <see cref="ProviderException"/>; only
    /// <see cref="ProviderException.IsTransient"/> ones are tried again.
    /// </param>
    /// <param name="cancellationToken">Ends trying: the caller has left, or the whole time is over.</param>
    /// <exception cref="ProviderException">No target answered: the last failure.</exception>
    ValueTask<CallStart<T>> StartAsync<TState, T>(
        CallAdmission admission,
        TState state,
        Func<TState, CallTarget, CancellationToken, ValueTask<T>> attempt,
        CancellationToken cancellationToken
    );
}

/// <summary>An answer that has begun.</summary>
/// <param name="Answer">What the try returned.</param>
/// <param name="Target">Who answers.</param>
/// <param name="Attempts">Requests sent so far.</param>
internal readonly record struct CallStart<T>(T Answer, CallTarget Target, int Attempts);
