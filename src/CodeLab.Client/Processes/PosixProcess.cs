using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace CodeLab.Client.Processes;

/// <summary>
/// A program in a session of its own, started with <c>posix_spawn</c>: its process group can be signalled as a whole, and what leaves
/// the group is caught by <see cref="StrayProcesses"/>.
/// </summary>
internal sealed class PosixProcess : IRunningProcess
{
    /// <summary>Tells the processes of one command from all others in the system's process table.</summary>
    public const string MarkerVariable = "CODELAB_SPAWN_ID";

    private readonly int _pid;
    private readonly StrayProcesses _strays;

    private PosixProcess(int pid, StrayProcesses strays, int stdout, int stderr, ProcessSpec spec)
    {
        _pid = pid;
        _strays = strays;
        Exited = OnThread(Reap);
        OutputRead = Task.WhenAll(OnThread(() => Pump(stdout, spec.Stdout)), OnThread(() => Pump(stderr, spec.Stderr)));
    }

    public Task<int?> Exited { get; }

    public Task OutputRead { get; }

    /// <exception cref="ProcessStartException">The system refused.</exception>
    public static PosixProcess Start(ProcessSpec spec)
    {
        var marker = Guid.NewGuid().ToString("N");
        var strays = StrayProcesses.Watch(marker);
        try
        {
            var (outRead, outWrite) = NewPipe();
            var (errRead, errWrite) = NewPipe();
            int pid;
            try
            {
                pid = strays.Start(() => Spawn(spec, marker, outWrite, errWrite));
            }
            catch
            {
                _ = Libc.Close(outRead);
                _ = Libc.Close(errRead);
                throw;
            }
            finally
            {
                _ = Libc.Close(outWrite);
                _ = Libc.Close(errWrite);
            }
            return new PosixProcess(pid, strays, outRead, errRead, spec);
        }
        catch
        {
            strays.Dispose();
            throw;
        }
    }

    public async Task EndTreeAsync(TimeSpan grace, TimeProvider time)
    {
        if (SignalGroup(Libc.SigTerm))
        {
            var deadline = time.GetTimestamp();
            // The group is asked again every few milliseconds, so that the usual case (all ended at once) costs nothing.
            while (SignalGroup(0) && time.GetElapsedTime(deadline) < grace)
                await Task.Delay(TimeSpan.FromMilliseconds(10), time, CancellationToken.None);
            SignalGroup(Libc.SigKill);
        }
        // A process in an uninterruptible wait cannot even be killed; it must not hold us as well.
        await Task.WhenAny(Exited, Task.Delay(TimeSpan.FromSeconds(5), time, CancellationToken.None));
        await _strays.EndAsync(time);
    }

    public void Dispose() => _strays.Dispose();

    // False: nothing is left in the group. A zombie leader that we have not reaped yet counts, so reaping goes on beside.
    private bool SignalGroup(int signal) => Libc.Kill(-_pid, signal) == 0;

    private unsafe int? Reap()
    {
        int status;
        while (true)
        {
            var pid = Libc.WaitPid(_pid, &status, 0);
            if (pid == _pid)
                break;
            // ECHILD: somebody else has reaped it, so the code is unknown.
            if (Marshal.GetLastPInvokeError() != Libc.Eintr)
                return null;
        }
        var signal = status & 0x7f;
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal;
    }

    private static void Pump(int descriptor, Action<ReadOnlyMemory<byte>> sink)
    {
        using var stream = new FileStream(new SafeFileHandle(descriptor, ownsHandle: true), FileAccess.Read, bufferSize: 0);
        var buffer = new byte[16 * 1024];
        int count;
        while ((count = stream.Read(buffer)) > 0)
            sink(buffer.AsMemory(0, count));
    }

    private static Task<T> OnThread<T>(Func<T> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static Task OnThread(Action work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static unsafe (int Read, int Write) NewPipe()
    {
        var ends = stackalloc int[2];
        var result = OperatingSystem.IsMacOS() ? Libc.Pipe(ends) : Libc.Pipe2(ends, Libc.OpenCloseOnExec);
        if (result != 0)
            throw new ProcessStartException(new Win32Exception(Marshal.GetLastPInvokeError()).Message);
        return (ends[0], ends[1]);
    }

    private static unsafe int Spawn(ProcessSpec spec, string marker, int stdout, int stderr)
    {
        // Larger than any of the structures (glibc 336 bytes, musl 336, macOS a pointer) and sets (128 bytes).
        var actions = stackalloc byte[1024];
        var attributes = stackalloc byte[1024];
        var signals = stackalloc byte[256];
        Check(Libc.FileActionsInit(actions), spec);
        Check(Libc.AttributesInit(attributes), spec);
        var argv = Strings([spec.FileName, .. spec.Arguments]);
        var environment = Strings([.. spec.Environment.Select(v => $"{v.Key}={v.Value}"), $"{MarkerVariable}={marker}"]);
        try
        {
            Check(Libc.FileActionsAddOpen(actions, 0, "/dev/null", 0, 0), spec);
            Check(Libc.FileActionsAddDup2(actions, stdout, 1), spec);
            Check(Libc.FileActionsAddDup2(actions, stderr, 2), spec);
            Check(Libc.FileActionsAddChdir(actions, spec.WorkingDirectory), spec);

            // The runtime ignores SIGPIPE and blocks signals of its own: children must inherit neither.
            Check(
                Libc.AttributesSetFlags(
                    attributes,
                    (short)
                        (ushort)(
                            (ushort)Libc.SpawnSetSid
                            | (ushort)Libc.SpawnSetSigDef
                            | (ushort)Libc.SpawnSetSigMask
                            | (ushort)Libc.SpawnCloseOnExecDefault
                        )
                ),
                spec
            );
            _ = Libc.SigFillSet(signals);
            Check(Libc.AttributesSetSigDefault(attributes, signals), spec);
            _ = Libc.SigEmptySet(signals);
            Check(Libc.AttributesSetSigMask(attributes, signals), spec);

            int pid;
            Check(Libc.PosixSpawnp(&pid, spec.FileName, actions, attributes, argv, environment), spec);
            return pid;
        }
        finally
        {
            Free(argv);
            Free(environment);
            _ = Libc.FileActionsDestroy(actions);
            _ = Libc.AttributesDestroy(attributes);
        }
    }

    private static void Check(int error, ProcessSpec spec)
    {
        if (error != 0)
            throw new ProcessStartException($"{spec.FileName}: {new Win32Exception(error).Message}");
    }

    private static unsafe byte** Strings(IReadOnlyList<string> texts)
    {
        var array = (byte**)NativeMemory.AllocZeroed((nuint)(texts.Count + 1), (nuint)sizeof(byte*));
        for (var i = 0; i < texts.Count; i++)
        {
            var bytes = Encoding.UTF8.GetBytes(texts[i]);
            array[i] = (byte*)NativeMemory.AllocZeroed((nuint)(bytes.Length + 1));
            bytes.CopyTo(new Span<byte>(array[i], bytes.Length));
        }
        return array;
    }

    private static unsafe void Free(byte** array)
    {
        for (var i = 0; array[i] is not null; i++)
            NativeMemory.Free(array[i]);
        NativeMemory.Free(array);
    }
}
