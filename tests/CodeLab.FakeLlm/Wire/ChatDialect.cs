using System.Text.Json;

namespace CodeLab.FakeLlm;

/// <summary>Place of a frame in the stream, which timing, gates and faults go by.</summary>
internal enum FrameKind
{
    /// <summary>Sent before anything else (role, message_start).</summary>
    Opening,

    /// <summary>Carries content and counts as a delta.</summary>
    Delta,

    /// <summary>Around deltas: block starts and stops, names of tool calls, finish reason, end mark.</summary>
    Structure,
}

/// <summary>A piece of the response body as it goes over the wire, line ends included.</summary>
internal readonly record struct Frame(FrameKind Kind, string Text)
{
    public static Frame Opening(string text) => new(FrameKind.Opening, text);

    public static Frame Delta(string text) => new(FrameKind.Delta, text);

    public static Frame Structure(string text) => new(FrameKind.Structure, text);
}

/// <summary>One provider's wire format: pure translation, without timing and faults.</summary>
internal abstract class ChatDialect
{
    public abstract string Name { get; }

    /// <summary>Content type of a stream.</summary>
    public abstract string StreamContentType { get; }

    /// <summary>Name of the header with the request's id, where the provider sends one.</summary>
    public abstract string? RequestIdHeader { get; }

    /// <summary>Reads a request; <paramref name="refusal"/> is what the real provider would say with status 400.</summary>
    public abstract ChatView Read(JsonElement body, bool strict, out string? refusal);

    public abstract IEnumerable<Frame> Stream(Plan plan);

    public abstract string Whole(Plan plan);

    public abstract string ErrorBody(int status, string message);

    public abstract string ErrorEvent(string message);

    /// <summary>A line of the stream's format whose content is not JSON.</summary>
    public abstract string GarbageLine { get; }

    public virtual string MessageFor(int status) =>
        status switch
        {
            400 => "Invalid request.",
            401 => "Incorrect API key provided.",
            403 => "You are not allowed to do this.",
            404 => "The model does not exist or you do not have access to it.",
            408 => "Request timed out.",
            429 => "Rate limit reached. Please try again later.",
            503 or 529 => "The server is overloaded. Please try again later.",
            _ => "The server had an error while processing your request.",
        };
}
