using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Doors;
using CodeLab.Modules.Llm.Providers.Http;

namespace CodeLab.Modules.Llm.Providers.Wire;

/// <summary>Reads the body of an answer within the limits of the call.</summary>
internal sealed class ProviderInput(WireAnswer answer, CallTarget target)
{
    private long _total;

    /// <summary>The next bytes; 0 at the end.</summary>
    /// <exception cref="ProviderException">It took too long, broke, or is too long.</exception>
    /// <exception cref="OperationCanceledException">The caller has left.</exception>
    public async ValueTask<int> ReadAsync(DoorCall call, Memory<byte> buffer)
    {
        var clock = call.Clock!;
        var begun = _total > 0;
        // The clock of the first byte has been running since the request was sent.
        if (begun)
            clock.Start(target.Limits.Idle);
        var started = call.HasBegun ? 0 : call.Time.GetTimestamp();
        try
        {
            var read = await answer.Body.ReadAsync(buffer, clock.Token);
            if (!call.HasBegun)
                call.PieceWait += call.Time.GetElapsedTime(started);
            _total += read;
            if (_total > CallLimits.BodyBytes)
                throw AnswerChecks.TooLong(target.Provider.Name, "its answer is longer than 16 MiB");
            return read;
        }
        catch (OperationCanceledException)
        {
            throw clock.Explain(target, begun);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            if (clock.Token.IsCancellationRequested)
                throw clock.Explain(target, begun);
            throw AnswerChecks.Broken(target.Provider.Name, e);
        }
    }
}
