namespace CodeLab.FakeLlm;

/// <summary>Named gates: closed from their first mention, open for all after a release until closed again.</summary>
internal sealed class Gates
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Gate> _gates = new(StringComparer.Ordinal);

    public Task PassAsync(string name, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            var gate = Find(name);
            gate.Reached++;
            foreach (var (_, signal) in gate.Watchers.Where(w => w.Count <= gate.Reached))
                signal.TrySetResult();
            gate.Watchers.RemoveAll(w => w.Count <= gate.Reached);
            return gate.Open.Task.WaitAsync(cancellationToken);
        }
    }

    public void Release(string name)
    {
        lock (_lock)
            Find(name).Open.TrySetResult();
    }

    public void Close(string name)
    {
        lock (_lock)
        {
            var gate = Find(name);
            if (gate.Open.Task.IsCompleted)
                gate.Open = NewSignal();
        }
    }

    /// <summary>Completes when that many answers have come to the gate since the start.</summary>
    public Task ReachedAsync(string name, int count)
    {
        lock (_lock)
        {
            var gate = Find(name);
            if (gate.Reached >= count)
                return Task.CompletedTask;
            var signal = NewSignal();
            gate.Watchers.Add((count, signal));
            return signal.Task;
        }
    }

    /// <summary>Lets everybody through and forgets the gates.</summary>
    public void Reset()
    {
        lock (_lock)
        {
            foreach (var gate in _gates.Values)
                gate.Open.TrySetResult();
            _gates.Clear();
        }
    }

    private Gate Find(string name)
    {
        if (!_gates.TryGetValue(name, out var gate))
            _gates[name] = gate = new Gate();
        return gate;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed class Gate
    {
        public TaskCompletionSource Open { get; set; } = NewSignal();
        public int Reached { get; set; }
        public List<(int Count, TaskCompletionSource Signal)> Watchers { get; } = [];
    }
}
