using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Providers.Http;

namespace CodeLab.Modules.Llm.Doors;

/// <summary>The part of a call between admission and settling, and how it ended.</summary>
internal sealed class DoorRun(DoorCall call) : IDisposable
{
    private StartedAnswer? _answer;
    private bool _refused;

    /// <summary>Until it is known better: the caller has left.</summary>
    public string Outcome { get; set; } = CallOutcome.Cancelled;

    public async ValueTask AnswerAsync(ICallRouter router, DoorPipeline pipeline)
    {
        var first = call.Admission.Targets[0];
        call.Clock = new CallClock(first.Limits.Total, call.Time, call.Http.RequestAborted);
        try
        {
            var start = await router.StartAsync(
                call.Admission,
                (call, pipeline),
                static (state, target, _) => state.pipeline.StartAsync(state.call, target),
                call.Clock.Whole
            );
            _answer = start.Answer;
            await _answer.ForwardAsync(call);
            // Ends the answer for the caller before the call is settled.
            await call.Http.Response.CompleteAsync();
        }
        catch (OperationCanceledException) when (!call.Clock.IsCallerGone && call.Clock.Whole.IsCancellationRequested)
        {
            throw call.Clock.Explain(call.Asked ?? first, _answer is not null);
        }
    }

    public void Fail(ProviderException failure)
    {
        Outcome = failure.Code;
        failure.Target ??= call.Asked;
        failure.Attempts = call.Attempts;
        // Nothing was written, and the provider said no or was never reached.
        _refused = (_answer?.Written ?? 0) == 0 && (failure.Status is not null || failure.IsTransient);
    }

    public void Refuse(string code) => (Outcome, _refused) = (code, true);

    public CallOutcome ToOutcome()
    {
        var written = _answer?.Written ?? 0;
        // Counting costs nothing.
        var usage = call.Shape.Kind == CallKind.CountTokens ? default(CallUsage) : _answer?.Usage;
        var guessed = usage is not null && _answer is { IsUsageFinal: false };
        if (guessed && usage is { } begun)
            usage = begun with { Output = Math.Max(begun.Output, (written + 3) / 4) };
        return new CallOutcome
        {
            Outcome = Outcome,
            Target = call.Asked,
            Usage = usage,
            IsUsageGuessed = guessed,
            IsRefused = _refused,
            WrittenCharacters = written,
            Attempts = call.Attempts,
            FirstToken = call.FirstPiece,
            Overhead = call.Overhead,
        };
    }

    public void Dispose()
    {
        _answer?.Dispose();
        // Not there when the answer came from the cache.
        call.Clock?.Dispose();
    }
}
