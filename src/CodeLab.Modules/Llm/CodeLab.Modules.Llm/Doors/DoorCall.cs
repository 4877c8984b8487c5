using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.PassThrough;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace CodeLab.Modules.Llm.Doors;

/// <summary>One call at a door: what came in, what was admitted, and what has gone out so far.</summary>
internal sealed class DoorCall(HttpContext http, DoorShape shape, TimeProvider time, long started)
{
    public HttpContext Http => http;

    public DoorShape Shape => shape;

    public TimeProvider Time => time;

    /// <summary>Timestamp of the beginning.</summary>
    public long Started => started;

    public ReadOnlySequence<byte> Body { get; set; }

    /// <summary>The body lies in the connection's buffers, which wait for it.</summary>
    public bool HoldsBody { get; set; }

    public RequestScan Scan { get; set; }

    /// <summary>The caller wants a stream.</summary>
    public bool Streams { get; set; }

    public CallAdmission Admission { get; set; } = null!;

    /// <summary>Null until somebody is asked.</summary>
    public CallClock? Clock { get; set; }

    /// <summary>Who was asked last.</summary>
    public CallTarget? Asked { get; set; }

    /// <summary>Requests sent.</summary>
    public int Attempts { get; set; }

    /// <summary>A stream has begun to go out: from now on a failure is an event.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>From the start to the first piece.</summary>
    public TimeSpan? FirstPiece { get; private set; }

    /// <summary>Time spent here until the first piece went out.</summary>
    public TimeSpan Overhead { get; private set; }

    /// <summary>Writes status and headers of a good answer. What follows can only succeed, or break off in sight of the caller.</summary>
    public void BeginAnswer(StartedAnswer answer, StringValues contentType, string? requestId)
    {
        HasBegun = true;
        FirstPiece = time.GetElapsedTime(started);
        // Waiting for the first piece after the headers is the provider's time, too, and is not counted as ours.
        Overhead = FirstPiece.Value - answer.Waited - PieceWait;
        var headers = http.Response.Headers;
        headers.ContentType = contentType;
        if (shape.RequestIdHeader is { } name && requestId is not null)
            headers[name] = requestId;
        WriteHeaders("miss", Overhead);
    }

    /// <summary>Time waited for the first piece after the headers.</summary>
    public TimeSpan PieceWait { get; set; }

    /// <summary>Hands a piece that went out to the cache, when the answer is to be kept.</summary>
    public void Keep(string contentType, ReadOnlySpan<byte> piece)
    {
        if (Admission.Keeps)
            Admission.Keep(contentType, piece);
    }

    /// <summary>Sends what was written; ends the call when the caller takes no more.</summary>
    public async ValueTask FlushAsync(PipeWriter output)
    {
        // A slow reader on the caller's side is not the provider's fault.
        Clock!.Stop();
        var flushed = await output.FlushAsync(Clock.Whole);
        if (!flushed.IsCompleted && !flushed.IsCanceled)
            return;
        Clock.Leave();
        throw new OperationCanceledException("The caller takes no more of the answer");
    }

    /// <summary>Answers from the cache.</summary>
    public async Task AnswerAsync(CachedAnswer cached)
    {
        HasBegun = true;
        FirstPiece = Overhead = time.GetElapsedTime(started);
        http.Response.ContentType = cached.ContentType;
        WriteHeaders("hit", Overhead);
        if (!Streams)
            http.Response.ContentLength = cached.Body.Length;
        foreach (var segment in cached.Body)
            http.Response.BodyWriter.Write(segment.Span);
        await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
    }

    /// <summary>The headers of a limit, admitted or not (protocol.md §9.5).</summary>
    public static void WriteLimit(IHeaderDictionary headers, CallLimitState? state)
    {
        if (state is not { } limit)
            return;
        headers["X-RateLimit-Limit"] = limit.Limit.ToString(CultureInfo.InvariantCulture);
        headers["X-RateLimit-Remaining"] = limit.Remaining.ToString(CultureInfo.InvariantCulture);
        headers["X-RateLimit-Reset"] = limit.ResetAt.ToString(CultureInfo.InvariantCulture);
    }

    private void WriteHeaders(string cache, TimeSpan overhead)
    {
        var headers = http.Response.Headers;
        headers.CacheControl = "no-store";
        headers["x-codelab-route"] = Admission.Route;
        headers["x-codelab-cache"] = cache;
        headers["x-codelab-overhead-ms"] = Math.Max(0, overhead.TotalMilliseconds).ToString("0.00", CultureInfo.InvariantCulture);
    }
}
