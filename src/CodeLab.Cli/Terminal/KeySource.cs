using System.Threading.Channels;

namespace CodeLab.Cli.Terminal;

/// <summary>
/// Keys of the terminal as a channel, so that one loop can wait for keys and frames alike. It asks whether a key is there instead of
/// blocking in a read: a blocked read could not be stopped, and would steal the keys of an editor that is started.
/// </summary>
internal sealed class KeySource : IAsyncDisposable
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(12);
    private readonly Channel<ConsoleKeyInfo> _keys = Channel.CreateUnbounded<ConsoleKeyInfo>();
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _terminal = new(1, 1);
    private readonly Task _work;

    public KeySource()
    {
        // Ctrl-C is a key like the others: what it means depends on what is going on.
        Console.TreatControlCAsInput = true;
        _work = Task.Run(ReadAsync);
    }

    public ChannelReader<ConsoleKeyInfo> Keys => _keys.Reader;

    /// <summary>Leaves the terminal to <paramref name="work"/>, e.g. an editor.</summary>
    public async Task<T> LendTerminalAsync<T>(Func<Task<T>> work)
    {
        await _terminal.WaitAsync();
        Console.TreatControlCAsInput = false;
        try
        {
            return await work();
        }
        finally
        {
            Console.TreatControlCAsInput = true;
            _terminal.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _work;
        Console.TreatControlCAsInput = false;
        _stop.Dispose();
        _terminal.Dispose();
    }

    private async Task ReadAsync()
    {
        try
        {
            while (true)
            {
                await _terminal.WaitAsync(_stop.Token);
                try
                {
                    while (Console.KeyAvailable)
                        _keys.Writer.TryWrite(Console.ReadKey(intercept: true));
                }
                finally
                {
                    _terminal.Release();
                }
                await Task.Delay(Poll, _stop.Token);
            }
        }
        catch (Exception fault) when (fault is OperationCanceledException or InvalidOperationException or IOException)
        {
            // Stopped, or the terminal is gone: the loop that reads the keys learns it from the channel.
            _keys.Writer.TryComplete();
        }
    }
}
