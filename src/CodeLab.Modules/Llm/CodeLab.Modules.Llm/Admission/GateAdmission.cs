using CodeLab.Modules.Llm.Budgets;
using CodeLab.Modules.Llm.Cache;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Privacy;
using CodeLab.Modules.Llm.Usage;

namespace CodeLab.Modules.Llm.Admission;

/// <summary>A call that may be made, with all it holds: its place among the calls at once, its money, its right to fill the cache.</summary>
internal sealed class GateAdmission(
    CallLedger ledger,
    CallLimiter limiter,
    AnswerCache cache,
    ContentBook contents,
    CallRequest request,
    CallerRights rights,
    string route,
    CallTarget[] targets,
    Reserved[] reserved
) : CallAdmission
{
    private readonly ContentDraft? _content = contents.Begin(request);
    private Flight? _flight;
    private CachedAnswer? _cached;
    private OpenedCall? _opened;

    public override IReadOnlyList<CallTarget> Targets => targets;

    public override string Route => route;

    public override CachedAnswer? Cached => _cached;

    public override bool Keeps => _flight is not null || _content is not null;

    public CallRequest Request => request;

    public CallerRights Rights => rights;

    public override void Keep(string contentType, ReadOnlySpan<byte> piece)
    {
        _flight?.Buffer.Append(contentType, piece);
        _content?.Append(piece);
    }

    public async ValueTask LookUpAsync(AnswerKey key, CancellationToken cancellationToken)
    {
        var (answer, flight) = await cache.FindAsync(key, cancellationToken);
        _flight = flight;
        _cached = answer is null ? null : new CachedAnswer(answer.ContentType, answer.Body);
    }

    public void NoteAsOpen() => _opened = ledger.Open(this, reserved);

    protected override async ValueTask<decimal?> SettleOnceAsync(CallOutcome outcome)
    {
        var entry = ledger.ToEntry(this, outcome, _opened?.Id);
        // At once, and not when the row is durable: whoever waits for room or money must not wait for the disk.
        limiter.Leave(request, rights, entry.InputTokens + entry.OutputTokens);
        var postings = Reservations.Settle(reserved, entry.CostNanos ?? 0);
        if (_flight is { } flight)
            await cache.LandAsync(flight, keep: outcome.Outcome == CallOutcome.Completed);
        await ledger.RecordAsync(entry, outcome, postings, _opened);
        if (_content is not null)
            await contents.KeepAsync(entry, _content);
        return entry.CostNanos / 1_000_000_000m;
    }
}
