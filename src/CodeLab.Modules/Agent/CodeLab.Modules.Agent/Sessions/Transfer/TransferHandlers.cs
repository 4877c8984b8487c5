using System.Runtime.CompilerServices;
using System.Text.Json;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Agent.Sessions.Sharing;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Protocol.Rest;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Agent.Sessions.Transfer;

internal sealed class ExportSessionHandler(ISessionStore store, SessionAccess access, TimeProvider time, IAuditTrail? audit = null)
    : IRequestHandler<ExportSessionQuery, Result<SessionExport>>
{
    public async Task<Result<SessionExport>> Handle(ExportSessionQuery query, CancellationToken cancellationToken)
    {
        var found = await access.FindAsync(query.Caller, query.SessionId, SessionRight.Own, cancellationToken);
        if (!found.IsOk)
            return found.Error;
        if (audit is not null)
        {
            var entry = new AuditEvent("session.exported") { Actor = query.Caller.UserId, Session = query.SessionId };
            await audit.AppendAsync(entry, cancellationToken);
        }
        return new SessionExport($"session-{query.SessionId}.jsonl", LinesAsync(found.Value, time.GetUtcNow(), CancellationToken.None));
    }

    private async IAsyncEnumerable<ReadOnlyMemory<byte>> LinesAsync(
        SessionRow row,
        DateTimeOffset now,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        yield return ExportFormat.Header(row, now);
        await foreach (var happened in store.ReadAsync(row.Id, 0, row.LastSeq, cancellationToken))
            yield return ExportFormat.Line(happened);
    }
}

internal sealed class ImportSessionHandler(SessionCopier copier, ImportGate gate, IOptions<AgentOptions> options)
    : IRequestHandler<ImportSessionCommand, Result<SessionInfo>>
{
    public async Task<Result<SessionInfo>> Handle(ImportSessionCommand command, CancellationToken cancellationToken)
    {
        if (!gate.TryEnter())
            return SessionErrors.ImportBusy();
        try
        {
            var lines = new LineReader(
                command.Lines,
                options.Value.ImportLineKilobytes * 1024,
                options.Value.ImportMegabytes * 1024L * 1024
            ).ReadAsync(cancellationToken);
            await using var reader = lines.GetAsyncEnumerator(cancellationToken);
            if (!await reader.MoveNextAsync())
                return SessionErrors.InvalidExport(new ImportFault(1, "the file is empty."));
            var header = ExportFormat.ReadHeader(reader.Current.Line.Span);
            var order = new CopyOrder(command.Caller.UserId, Origins.Import, Id(header.SessionId), null);
            return await copier.CopyAsync(order, EventsAsync(reader, header), cancellationToken);
        }
        catch (ImportFault fault)
        {
            return SessionErrors.InvalidExport(fault);
        }
        catch (ImportTooLarge)
        {
            return SessionErrors.ExportTooLarge(options.Value.ImportMegabytes);
        }
        finally
        {
            gate.Leave();
        }
    }

    private static string? Id(string? sessionId) => SessionMapping.IsValidId(sessionId) ? sessionId : null;

    /// <summary>The events of the file, each checked against all before it.</summary>
    private static async IAsyncEnumerable<CopiedEvent> EventsAsync(
        IAsyncEnumerator<(long Number, ReadOnlyMemory<byte> Line)> lines,
        SessionExportHeader header
    )
    {
        // The file's own state, owner and all: the copy's differs from it.
        var state = new SessionState { Id = "import" };
        var number = 1L;
        while (await lines.MoveNextAsync())
        {
            number = lines.Current.Number;
            yield return Read(state, lines.Current.Line, number);
            if (state.LastSeq > header.Events)
                throw new ImportFault(number, $"the header promises {header.Events} events, and here is one more.");
        }
        if (state.LastSeq < header.Events)
            throw new ImportFault(number, $"the file ends here, and the header promises {header.Events} events, not {state.LastSeq}.");
    }

    private static CopiedEvent Read(SessionState state, ReadOnlyMemory<byte> line, long number)
    {
        var row = ExportFormat.ReadLine(line, number);
        if (row.Seq != state.LastSeq + 1)
            throw new ImportFault(number, $"event {row.Seq} stands where {state.LastSeq + 1} must.");
        SessionEvent? happened;
        try
        {
            happened = EventCodec.DecodeStrictly(row.Type, row.Payload.Span);
        }
        catch (JsonException fault)
        {
            throw new ImportFault(number, $"this is no {row.Type}: {fault.Message}");
        }
        if (happened is null)
            throw new ImportFault(number, $"events of the kind '{row.Type}' are not known to this server: update it.");
        if (LogCheck.Problem(state, happened) is { } problem)
            throw new ImportFault(number, problem);
        if (happened is ApprovalResolved { Remembered: not null } resolved)
            happened = resolved with { Remembered = null };
        state.Apply(happened, row.CreatedAt);
        // As this server writes it: what it does not know of the event is not taken along.
        return new(happened, row with { Payload = EventCodec.Encode(happened).Payload });
    }
}

/// <summary>Imports of this process at once: each holds a state, and the one writer of a SQLite file has others to serve.</summary>
internal sealed class ImportGate(IOptions<AgentOptions> options)
{
    private int _inside;

    /// <summary>False when there are as many as may be.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _inside) <= options.Value.ImportsAtOnce)
            return true;
        Leave();
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref _inside);
}

internal sealed class ForkSessionValidator : AbstractValidator<ForkSessionCommand>
{
    public ForkSessionValidator() => RuleFor(c => c.Title).MaximumLength(500).OverridePropertyName("title");
}

internal sealed class ForkSessionHandler(ISessionStore store, SessionAccess access, SessionCopier copier)
    : IRequestHandler<ForkSessionCommand, Result<SessionInfo>>
{
    public async Task<Result<SessionInfo>> Handle(ForkSessionCommand command, CancellationToken cancellationToken)
    {
        var found = await access.FindAsync(command.Caller, command.SessionId, SessionRight.Own, cancellationToken);
        if (!found.IsOk)
            return found.Error;
        var at = command.AtSeq ?? found.Value.LastSeq;
        if (at < 1 || at > found.Value.LastSeq)
            return SessionErrors.InvalidSeq(found.Value.LastSeq);
        var order = new CopyOrder(command.Caller.UserId, Origins.Fork, command.SessionId, command.Title);
        return await copier.CopyAsync(order, EventsAsync(command.SessionId, at, cancellationToken), cancellationToken);
    }

    private async IAsyncEnumerable<CopiedEvent> EventsAsync(
        string sessionId,
        long at,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        await foreach (var row in store.ReadAsync(sessionId, 0, at, cancellationToken))
            yield return new(EventCodec.Decode(row.Type, row.Payload.Span), row);
    }
}
