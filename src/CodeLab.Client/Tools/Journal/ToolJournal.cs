using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace CodeLab.Client.Tools;

internal sealed record JournalLine
{
    public required string CallId { get; init; }
    public required string Arguments { get; init; }
    public required string State { get; init; }
    public JsonElement? Result { get; init; }
    public string? Error { get; init; }
    public string? ErrorCode { get; init; }

    public const string Started = "started";
    public const string Done = "done";
}

/// <summary>
/// The record of executed calls of one session: an append-only file of JSON lines, each on the disk before the next step is taken.
/// It makes execution happen at most once: a call that is delivered again is answered from here.
/// </summary>
/// <remarks>The file is opened by one process at a time. A line that a crash has torn is cut off at the next opening.</remarks>
public sealed class ToolJournal : IAsyncDisposable
{
    private readonly record struct Entry(string Arguments, bool Done, long Offset, int Length);

    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly FileStream _file;

    private ToolJournal(FileStream file) => _file = file;

    /// <summary>Opens the journal, creating the file (readable by its owner only) and its directory when they are missing.</summary>
    /// <param name="path">The file, one a session, in the client's data directory and never in the workspace.</param>
    /// <param name="cancellationToken">Stops the opening.</param>
    /// <exception cref="IOException">Another process has the journal open, or the disk failed.</exception>
    public static async Task<ToolJournal> OpenAsync(string path, CancellationToken cancellationToken = default)
    {
        var full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        var options = new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            Options = FileOptions.Asynchronous,
        };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var journal = new ToolJournal(new FileStream(full, options));
        try
        {
            await journal.LoadAsync(cancellationToken);
            return journal;
        }
        catch
        {
            await journal.DisposeAsync();
            throw;
        }
    }

    /// <summary>Closes the file.</summary>
    /// <returns>When it is closed.</returns>
    public async ValueTask DisposeAsync()
    {
        await _file.DisposeAsync();
        _gate.Dispose();
    }

    /// <summary>The hash under which arguments are known: equal for objects that differ only in order of members, white space and nulls.</summary>
    internal static string HashOf(string tool, JsonElement arguments)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
            WriteCanonical(writer, arguments);
        var bytes = Encoding.UTF8.GetBytes(tool + "\n" + Encoding.UTF8.GetString(buffer.ToArray()));
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }

    /// <summary>Says what is known of a call: null for nothing, otherwise the outcome to answer with instead of executing.</summary>
    internal async Task<ToolOutcome?> FindAsync(string callId, string arguments, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (!_entries.TryGetValue(callId, out var entry))
                return null;
            if (!string.Equals(entry.Arguments, arguments, StringComparison.Ordinal))
                return ToolOutcome.Failure(
                    ToolErrorCodes.InvalidCallId,
                    $"The call id {callId} was used before for other arguments, so this call was not executed. Make a new call."
                );
            if (!entry.Done)
                return ToolOutcome.Failure(
                    ToolErrorCodes.OutcomeUnknown,
                    "The client stopped while this call was running, so it may have been executed fully, partly or not at all. It was not executed again. "
                        + "Look at the present state (read_file, list_files, git_status) before you decide whether to repeat it."
                );

            var bytes = new byte[entry.Length];
            _file.Position = entry.Offset;
            await _file.ReadExactlyAsync(bytes, cancellationToken);
            var line = JsonSerializer.Deserialize(bytes, ToolJson.Wire.JournalLine)!;
            return new ToolOutcome
            {
                Result = line.Result,
                Error = line.Error,
                ErrorCode = line.ErrorCode,
            };
        }
        finally
        {
            _gate.Release();
        }
    }

    internal Task StartAsync(string callId, string arguments, CancellationToken cancellationToken) =>
        AppendAsync(
            new JournalLine
            {
                CallId = callId,
                Arguments = arguments,
                State = JournalLine.Started,
            },
            cancellationToken
        );

    internal Task FinishAsync(string callId, string arguments, ToolOutcome outcome, CancellationToken cancellationToken) =>
        AppendAsync(
            new JournalLine
            {
                CallId = callId,
                Arguments = arguments,
                State = JournalLine.Done,
                Result = outcome.Result,
                Error = outcome.Error,
                ErrorCode = outcome.ErrorCode,
            },
            cancellationToken
        );

    private async Task AppendAsync(JournalLine line, CancellationToken cancellationToken)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(line, ToolJson.Wire.JournalLine);
        await _gate.WaitAsync(cancellationToken);
        try
        {
            var offset = _file.Length;
            _file.Position = offset;
            try
            {
                // Once begun, a line is written whole: half a line in the middle would hide what follows it.
                await _file.WriteAsync((byte[])[.. bytes, (byte)'\n'], CancellationToken.None);
                _file.Flush(flushToDisk: true);
            }
            catch (IOException)
            {
                _file.SetLength(offset);
                throw;
            }
            _entries[line.CallId] = new Entry(line.Arguments, line.State == JournalLine.Done, offset, bytes.Length);
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task LoadAsync(CancellationToken cancellationToken)
    {
        var buffer = new byte[64 * 1024];
        var line = new List<byte>();
        long offset = 0;
        int count;
        while ((count = await _file.ReadAsync(buffer, cancellationToken)) > 0)
        {
            var rest = buffer.AsMemory(0, count);
            int end;
            while ((end = rest.Span.IndexOf((byte)'\n')) >= 0)
            {
                line.AddRange(rest.Span[..end]);
                Remember(line.ToArray(), offset);
                offset += line.Count + 1;
                line.Clear();
                rest = rest[(end + 1)..];
            }
            line.AddRange(rest.Span);
        }

        // What follows the last newline is a line the crash has torn: it was never promised to anyone.
        if (line.Count > 0)
        {
            _file.SetLength(offset);
            _file.Flush(flushToDisk: true);
        }
    }

    private void Remember(byte[] bytes, long offset)
    {
        JournalLine? line;
        try
        {
            line = JsonSerializer.Deserialize(bytes, ToolJson.Wire.JournalLine);
        }
        catch (JsonException)
        {
            // A damaged line tells nothing; each line stands alone, so the others still count.
            return;
        }
        if (line is null)
            return;
        _entries[line.CallId] = new Entry(line.Arguments, line.State == JournalLine.Done, offset, bytes.Length);
    }

    private static void WriteCanonical(Utf8JsonWriter writer, JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var member in element.EnumerateObject().OrderBy(m => m.Name, StringComparer.Ordinal))
                {
                    if (member.Value.ValueKind == JsonValueKind.Null)
                        continue;
                    writer.WritePropertyName(member.Name);
                    WriteCanonical(writer, member.Value);
                }
                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in element.EnumerateArray())
                    WriteCanonical(writer, item);
                writer.WriteEndArray();
                break;
            case JsonValueKind.Undefined:
                writer.WriteStartObject();
                writer.WriteEndObject();
                break;
            case JsonValueKind.String:
                writer.WriteStringValue(element.GetString());
                break;
            default:
                writer.WriteRawValue(element.GetRawText());
                break;
        }
    }
}
