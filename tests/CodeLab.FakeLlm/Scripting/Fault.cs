using System.Text.Json.Serialization;

namespace CodeLab.FakeLlm;

/// <summary>What goes wrong.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<FaultKind>))]
public enum FaultKind
{
    /// <summary>An HTTP status with body and headers instead of an answer.</summary>
    [JsonStringEnumMemberName("status")]
    Status,

    /// <summary>Silence until the caller leaves: before the first byte, or after <see cref="Fault.After"/> deltas.</summary>
    [JsonStringEnumMemberName("hang")]
    Hang,

    /// <summary>The connection is closed: reset before the first byte, or in the middle of the body after <see cref="Fault.After"/> deltas, which all arrive.</summary>
    [JsonStringEnumMemberName("cut")]
    Cut,

    /// <summary>The stream ends cleanly after <see cref="Fault.After"/> deltas, but without finish reason and end mark.</summary>
    [JsonStringEnumMemberName("early_end")]
    EarlyEnd,

    /// <summary>A line that is not JSON, then the answer goes on.</summary>
    [JsonStringEnumMemberName("garbage")]
    Garbage,

    /// <summary>A well-formed text delta of <see cref="Fault.Bytes"/> bytes on one line, then the answer goes on.</summary>
    [JsonStringEnumMemberName("long_line")]
    LongLine,

    /// <summary>Status 200 with a page of another content type.</summary>
    [JsonStringEnumMemberName("content_type")]
    ContentType,

    /// <summary>A redirect to <see cref="Fault.Location"/>.</summary>
    [JsonStringEnumMemberName("redirect")]
    Redirect,

    /// <summary>The dialect's error event in the stream, which ends there.</summary>
    [JsonStringEnumMemberName("error_event")]
    ErrorEvent,
}

/// <summary>A fault of a reply. Only the members its kind reads matter.</summary>
public sealed record Fault
{
    /// <summary>What goes wrong.</summary>
    public required FaultKind Kind { get; init; }

    /// <summary>Number of tries of the same request that see it; null: all. Tries are told apart by the conversation sent, without the system text.</summary>
    public int? Tries { get; init; }

    /// <summary>Deltas sent before it strikes; null: before the first byte (for events in the stream: before the first delta).</summary>
    public int? After { get; init; }

    /// <summary>HTTP status; default 500, for a redirect 307.</summary>
    public int? Status { get; init; }

    /// <summary>Response body; null: the dialect's own error body.</summary>
    public string? Body { get; init; }

    /// <summary>Message in the dialect's own error body or event.</summary>
    public string? Message { get; init; }

    /// <summary>Response headers, such as <c>Retry-After</c>.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Size of an over-long line in bytes. Default 2 MiB.</summary>
    public int Bytes { get; init; } = 2 * 1024 * 1024;

    /// <summary>Content type of the wrong page.</summary>
    public string ContentType { get; init; } = "text/html; charset=utf-8";

    /// <summary>Target of a redirect; null: <c>/redirected</c> of this server, where a visit is recorded.</summary>
    public string? Location { get; init; }

    /// <summary>An HTTP status; <paramref name="retryAfter"/> becomes the header <c>Retry-After</c> (seconds or a date).</summary>
    public static Fault Http(int status, string? retryAfter = null, string? body = null) =>
        new()
        {
            Kind = FaultKind.Status,
            Status = status,
            Body = body,
            Headers = retryAfter is null
                ? new Dictionary<string, string>(StringComparer.Ordinal)
                : new Dictionary<string, string>(StringComparer.Ordinal) { ["Retry-After"] = retryAfter },
        };

    /// <summary>Silence.</summary>
    public static Fault Hang(int? after = null) => new() { Kind = FaultKind.Hang, After = after };

    /// <summary>A closed connection.</summary>
    public static Fault Cut(int? after = null) => new() { Kind = FaultKind.Cut, After = after };

    /// <summary>A stream that ends without its end mark.</summary>
    public static Fault EarlyEnd(int after) => new() { Kind = FaultKind.EarlyEnd, After = after };

    /// <summary>A line that is not JSON.</summary>
    public static Fault Garbage(int after = 0) => new() { Kind = FaultKind.Garbage, After = after };

    /// <summary>A line of the given size.</summary>
    public static Fault LongLine(int bytes, int after = 0) =>
        new()
        {
            Kind = FaultKind.LongLine,
            Bytes = bytes,
            After = after,
        };

    /// <summary>A page of another content type, status 200.</summary>
    public static Fault WrongContentType(string contentType = "text/html; charset=utf-8", string? body = null) =>
        new()
        {
            Kind = FaultKind.ContentType,
            ContentType = contentType,
            Body = body,
        };

    /// <summary>A redirect.</summary>
    public static Fault Redirect(string? location = null, int status = 307) =>
        new()
        {
            Kind = FaultKind.Redirect,
            Location = location,
            Status = status,
        };

    /// <summary>An error event in the stream.</summary>
    public static Fault ErrorEvent(int after = 0, string message = "Overloaded") =>
        new()
        {
            Kind = FaultKind.ErrorEvent,
            After = after,
            Message = message,
        };
}
