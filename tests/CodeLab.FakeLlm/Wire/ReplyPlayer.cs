using System.Text;

namespace CodeLab.FakeLlm;

/// <summary>Plays a plan in a dialect: delays, gates and faults around what the dialect writes.</summary>
internal sealed class ReplyPlayer(Gates gates, TimeProvider time)
{
    public async Task<RequestOutcome> PlayAsync(
        HttpContext http,
        ChatDialect dialect,
        Plan plan,
        RecordedRequest record,
        CancellationToken cancellationToken
    )
    {
        var reply = plan.Reply;
        var fault = plan.Fault;
        if (reply.FirstByteDelayMs > 0)
            await Task.Delay(TimeSpan.FromMilliseconds(reply.FirstByteDelayMs), time, cancellationToken);
        foreach (var hold in reply.Holds.Where(h => h.After is null))
            await gates.PassAsync(hold.Gate, cancellationToken);

        foreach (var (name, value) in reply.Headers)
            http.Response.Headers[name] = value;
        if (dialect.RequestIdHeader is { } idHeader)
            http.Response.Headers[idHeader] = Json.Id("req_", $"{plan.Seed}/{record.Number}");
        switch (fault)
        {
            case { Kind: FaultKind.Hang, After: null }:
                await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellationToken);
                break;
            case { Kind: FaultKind.Cut, After: null }:
                http.Abort();
                return RequestOutcome.Cut;
            case { Kind: FaultKind.Status }:
                var status = fault.Status ?? 500;
                await AnswerAsync(
                    http,
                    fault,
                    status,
                    "application/json",
                    fault.Body ?? dialect.ErrorBody(status, fault.Message ?? dialect.MessageFor(status)),
                    cancellationToken
                );
                return RequestOutcome.Completed;
            case { Kind: FaultKind.ContentType }:
                await AnswerAsync(
                    http,
                    fault,
                    fault.Status ?? 200,
                    fault.ContentType,
                    fault.Body ?? "<!doctype html><title>Sign in</title><p>Not a model.",
                    cancellationToken
                );
                return RequestOutcome.Completed;
            case { Kind: FaultKind.Redirect }:
                http.Response.Headers.Location = fault.Location ?? $"{http.Request.Scheme}://{http.Request.Host}/redirected";
                await AnswerAsync(http, fault, fault.Status ?? 307, "text/plain", fault.Body ?? "", cancellationToken);
                return RequestOutcome.Completed;
        }

        return plan.Chat.Stream
            ? await StreamAsync(http, dialect, plan, record, cancellationToken)
            : await WholeAsync(http, dialect, plan, cancellationToken);
    }

    private async Task<RequestOutcome> StreamAsync(
        HttpContext http,
        ChatDialect dialect,
        Plan plan,
        RecordedRequest record,
        CancellationToken cancellationToken
    )
    {
        var frames = (plan.Reply.Raw is { } raw ? RawFrames(raw) : dialect.Stream(plan)).ToList();
        var total = frames.Count(f => f.Kind == FrameKind.Delta);
        http.Response.ContentType = dialect.StreamContentType;
        http.Response.Headers.CacheControl = "no-cache";
        await http.Response.StartAsync(cancellationToken);

        var sent = 0;
        var begun = false;
        foreach (var frame in frames)
        {
            if (!begun && frame.Kind != FrameKind.Opening)
            {
                begun = true;
                if (await PauseAsync(http, dialect, plan, 0, total, cancellationToken) is { } outcome)
                    return outcome;
            }

            if (frame.Kind == FrameKind.Delta && sent > 0 && plan.Reply.DeltaDelayMs > 0)
                await Task.Delay(TimeSpan.FromMilliseconds(plan.Reply.DeltaDelayMs), time, cancellationToken);
            await WriteAsync(http, frame.Text, cancellationToken);
            if (frame.Kind != FrameKind.Delta)
                continue;
            record.DeltasSent = ++sent;
            if (await PauseAsync(http, dialect, plan, sent, total, cancellationToken) is { } end)
                return end;
        }

        return RequestOutcome.Completed;
    }

    /// <summary>Gates and faults set for this place; an outcome when the stream ends here.</summary>
    private async Task<RequestOutcome?> PauseAsync(
        HttpContext http,
        ChatDialect dialect,
        Plan plan,
        int sent,
        int total,
        CancellationToken cancellationToken
    )
    {
        foreach (var hold in plan.Reply.Holds.Where(h => h.After is { } after && Math.Min(after, total) == sent))
        {
            await http.Response.Body.FlushAsync(cancellationToken);
            await gates.PassAsync(hold.Gate, cancellationToken);
        }

        if (plan.Fault is not { } fault || Math.Min(fault.After ?? 0, total) != sent)
            return null;
        switch (fault.Kind)
        {
            case FaultKind.Hang:
                await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellationToken);
                return null;
            case FaultKind.Cut:
                throw new ConnectionCutException();
            case FaultKind.EarlyEnd:
                return RequestOutcome.Cut;
            case FaultKind.Garbage:
                await WriteAsync(http, dialect.GarbageLine, cancellationToken);
                return null;
            case FaultKind.ErrorEvent:
                await WriteAsync(http, dialect.ErrorEvent(fault.Message ?? "Overloaded"), cancellationToken);
                return RequestOutcome.Completed;
            default:
                return null;
        }
    }

    private async Task<RequestOutcome> WholeAsync(HttpContext http, ChatDialect dialect, Plan plan, CancellationToken cancellationToken)
    {
        foreach (var hold in plan.Reply.Holds.Where(h => h.After is not null))
            await gates.PassAsync(hold.Gate, cancellationToken);
        var body = Encoding.UTF8.GetBytes(plan.Reply.Raw ?? dialect.Whole(plan));
        switch (plan.Fault?.Kind)
        {
            case FaultKind.ErrorEvent:
                await AnswerAsync(
                    http,
                    plan.Fault,
                    500,
                    "application/json",
                    dialect.ErrorBody(500, plan.Fault.Message ?? "Overloaded"),
                    cancellationToken
                );
                return RequestOutcome.Completed;
            case FaultKind.Garbage or FaultKind.EarlyEnd:
                await AnswerAsync(http, plan.Fault, 200, "application/json", "{\"id\": \"broken", cancellationToken);
                return RequestOutcome.Completed;
            case FaultKind.Hang or FaultKind.Cut:
                http.Response.ContentType = "application/json";
                http.Response.ContentLength = body.Length;
                await http.Response.Body.WriteAsync(body.AsMemory(0, body.Length / 2), cancellationToken);
                await http.Response.Body.FlushAsync(cancellationToken);
                if (plan.Fault.Kind == FaultKind.Hang)
                    await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellationToken);
                throw new ConnectionCutException();
        }

        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body, cancellationToken);
        return RequestOutcome.Completed;
    }

    private static async Task AnswerAsync(
        HttpContext http,
        Fault fault,
        int status,
        string contentType,
        string body,
        CancellationToken cancellationToken
    )
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = contentType;
        foreach (var (name, value) in fault.Headers)
            http.Response.Headers[name] = value;
        await http.Response.WriteAsync(body, cancellationToken);
    }

    private static async Task WriteAsync(HttpContext http, string text, CancellationToken cancellationToken)
    {
        await http.Response.WriteAsync(text, cancellationToken);
        await http.Response.Body.FlushAsync(cancellationToken);
    }

    private static IEnumerable<Frame> RawFrames(string raw)
    {
        var start = 0;
        while (start < raw.Length)
        {
            var end = raw.IndexOf('\n', start);
            end = end < 0 ? raw.Length : end + 1;
            yield return Frame.Delta(raw[start..end]);
            start = end;
        }
    }
}

/// <summary>
/// Makes Kestrel close the connection without the end of the body, after what was written has been sent. A reset (<see cref="HttpContext.Abort"/>)
/// would also throw away what the client has received but not read, so that nobody could foresee how many deltas it sees.
/// </summary>
internal sealed class ConnectionCutException() : Exception("The script cuts the connection here.");
