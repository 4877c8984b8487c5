using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace CodeLab.Modules.Agent.Sessions.Transfer;

/// <summary>Reads the lines of a stream, one in memory at a time.</summary>
internal sealed class LineReader(Stream stream, int mostLineBytes, long mostBytes)
{
    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>Lines that are not blank, with their numbers from 1.</summary>
    /// <exception cref="ImportFault">A line is too long.</exception>
    /// <exception cref="ImportTooLarge">The whole is.</exception>
    public async IAsyncEnumerable<(long Number, ReadOnlyMemory<byte> Line)> ReadAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        var reader = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));
        try
        {
            var number = 0L;
            var taken = 0L;
            while (true)
            {
                var read = await reader.ReadAsync(cancellationToken);
                var rest = read.Buffer;
                while (Next(ref rest, read.IsCompleted) is { } line)
                {
                    number++;
                    taken += line.Length + 1;
                    if (taken > mostBytes)
                        throw new ImportTooLarge();
                    if (line.Length > mostLineBytes)
                        throw TooLong(number);
                    var bytes = Trim(line.ToArray(), first: number == 1);
                    if (bytes.Length > 0)
                        yield return (number, bytes);
                }
                if (rest.Length > mostLineBytes)
                    throw TooLong(number + 1);
                if (taken + rest.Length > mostBytes)
                    throw new ImportTooLarge();
                reader.AdvanceTo(rest.Start, rest.End);
                if (read.IsCompleted)
                    yield break;
            }
        }
        finally
        {
            await reader.CompleteAsync();
        }
    }

    private ImportFault TooLong(long number) => new(number, $"the line is longer than {mostLineBytes} bytes.");

    private static ReadOnlySequence<byte>? Next(ref ReadOnlySequence<byte> rest, bool isLast)
    {
        if (rest.PositionOf((byte)'\n') is { } end)
        {
            var line = rest.Slice(0, end);
            rest = rest.Slice(rest.GetPosition(1, end));
            return line;
        }
        if (!isLast || rest.IsEmpty)
            return null;
        var last = rest;
        rest = rest.Slice(rest.End);
        return last;
    }

    private static ReadOnlyMemory<byte> Trim(byte[] line, bool first)
    {
        var start = first && line.AsSpan().StartsWith(ByteOrderMark) ? 3 : 0;
        var end = line.Length;
        while (end > start && line[end - 1] is (byte)'\r' or (byte)' ' or (byte)'\t')
            end--;
        return line.AsMemory(start, end - start);
    }
}

/// <summary>A file has more bytes than the configuration takes.</summary>
internal sealed class ImportTooLarge() : Exception("The file is too large.");
