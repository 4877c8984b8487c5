using System.Globalization;
using System.Text;

namespace CodeLab.Client.Processes;

/// <summary>
/// Finds and ends what has left the process group of a command (<c>setsid</c>, <c>nohup</c>, double fork). While a command runs, this process
/// is the "child subreaper": orphans of the command become our children instead of disappearing under process 1. Linux only; elsewhere it does nothing.
/// </summary>
/// <remarks>
/// A process belongs to the command when it is in the command's session, carries the command's marker in its environment, or is an orphan given to
/// us that carries no marker at all, is in a foreign session and is younger than the command (<c>env -i setsid …</c>).
/// </remarks>
internal sealed class StrayProcesses : IDisposable
{
    private const int MaxSweeps = 40;
    private static readonly Lock Gate = new();
    private static readonly HashSet<int> Leaders = [];
    private static int s_watching;

    private readonly byte[] _marker;
    private readonly long _bornAfter;
    private int _leader;
    private bool _disposed;

    private StrayProcesses(string marker, long bornAfter)
    {
        _marker = Encoding.ASCII.GetBytes($"{PosixProcess.MarkerVariable}={marker}");
        _bornAfter = bornAfter;
    }

    /// <summary>
    /// Starts the command's first process, which is also the id of its session. Between fork and exec a process has our environment, no
    /// marker, and a session of its own: to a sweep for another command it would look like an orphan. So none looks meanwhile.
    /// </summary>
    public int Start(Func<int> spawn)
    {
        lock (Gate)
        {
            _leader = spawn();
            Leaders.Add(_leader);
            return _leader;
        }
    }

    public static StrayProcesses Watch(string marker)
    {
        if (!OperatingSystem.IsLinux())
            return new StrayProcesses(marker, 0);
        lock (Gate)
        {
            if (s_watching++ == 0)
                _ = Libc.Prctl(Libc.PrSetChildSubreaper, 1, 0, 0, 0);
        }
        return new StrayProcesses(marker, UptimeTicks());
    }

    /// <summary>Kills strays until none is found: killing one gives us its children, which the next look finds.</summary>
    public async Task EndAsync(TimeProvider time)
    {
        if (!OperatingSystem.IsLinux() || _leader == 0)
            return;
        for (var sweep = 0; sweep < MaxSweeps; sweep++)
        {
            if (!Sweep())
                return;
            await Task.Delay(TimeSpan.FromMilliseconds(5), time, CancellationToken.None);
        }
    }

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        if (!OperatingSystem.IsLinux())
            return;
        lock (Gate)
        {
            if (_leader != 0)
                Leaders.Remove(_leader);
            if (--s_watching == 0)
                _ = Libc.Prctl(Libc.PrSetChildSubreaper, 0, 0, 0, 0);
        }
    }

    private unsafe bool Sweep()
    {
        var own = Environment.ProcessId;
        var ownSession = Libc.GetSid(0);
        var found = false;
        foreach (var process in Table())
        {
            if (process.Pid == own || process.Pid == _leader)
                continue;
            var orphan = process.Parent == own && process.Session != ownSession;
            // Nothing is started while one is judged and ended; see Start.
            lock (Gate)
            {
                if (Leaders.Contains(process.Pid))
                    continue;
                if (process.State == 'Z')
                {
                    // Given to us and ended: reaping it is our duty. Its parent's other children are not touched.
                    if (orphan || (process.Parent == own && process.Session == _leader))
                        _ = Libc.WaitPid(process.Pid, null, Libc.WNoHang);
                    continue;
                }
                if (!BelongsToCommand(process, orphan))
                    continue;
                found = true;
                _ = Libc.Kill(process.Pid, Libc.SigKill);
            }
        }
        return found;
    }

    private bool BelongsToCommand(ProcessEntry process, bool orphan)
    {
        if (process.Session == _leader)
            return true;
        if (process.Start < _bornAfter)
            return false;
        byte[] environment;
        try
        {
            environment = File.ReadAllBytes($"/proc/{process.Pid}/environ");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Gone, or of another user: neither can be ours to end.
            return false;
        }
        if (environment.AsSpan().IndexOf(_marker) >= 0)
            return true;
        return orphan && environment.AsSpan().IndexOf(Encoding.ASCII.GetBytes(PosixProcess.MarkerVariable + "=")) < 0;
    }

    private readonly record struct ProcessEntry(int Pid, char State, int Parent, int Session, long Start);

    private static IEnumerable<ProcessEntry> Table()
    {
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out var pid))
                continue;
            string stat;
            try
            {
                stat = File.ReadAllText($"/proc/{pid}/stat");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                continue; // it has ended while we looked
            }
            // pid (name) state ppid pgrp session …; the name may contain blanks and brackets. Start time is field 22.
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            if (fields.Length < 20)
                continue;
            yield return new ProcessEntry(
                pid,
                fields[0][0],
                int.Parse(fields[1], CultureInfo.InvariantCulture),
                int.Parse(fields[3], CultureInfo.InvariantCulture),
                long.Parse(fields[19], CultureInfo.InvariantCulture)
            );
        }
    }

    // Clock ticks since boot, as /proc counts start times; a tick of slack against rounding.
    private static long UptimeTicks()
    {
        var uptime = File.ReadAllText("/proc/uptime").Split(' ')[0];
        return (long)(double.Parse(uptime, CultureInfo.InvariantCulture) * 100) - 2;
    }
}
