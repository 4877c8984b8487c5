using System.Text.Json;

namespace CodeLab.FakeLlm;

/// <summary>Everything that was asked, in order, with an optional NDJSON copy.</summary>
internal sealed class RequestLog(TextWriter? file)
{
    private readonly Lock _lock = new();
    private readonly List<RecordedRequest> _requests = [];
    private readonly List<(Func<RecordedRequest, bool> Wanted, int Count, TaskCompletionSource<RecordedRequest> Signal)> _watchers = [];
    private int _next;

    public IReadOnlyList<RecordedRequest> All
    {
        get
        {
            lock (_lock)
                return [.. _requests];
        }
    }

    public int NextNumber() => Interlocked.Increment(ref _next);

    /// <summary>Adds a request that is read and understood, before it is answered; a second time does nothing.</summary>
    public void Add(RecordedRequest request)
    {
        lock (_lock)
        {
            if (request.Logged)
                return;
            request.Logged = true;
            _requests.Add(request);
            for (var i = _watchers.Count - 1; i >= 0; i--)
            {
                var (wanted, count, signal) = _watchers[i];
                if (!wanted(request) || _requests.Count(wanted) < count)
                    continue;
                signal.TrySetResult(request);
                _watchers.RemoveAt(i);
            }

            Write("request", request);
        }
    }

    public void End(RecordedRequest request, RequestOutcome outcome)
    {
        request.End(outcome);
        lock (_lock)
            Write("ended", request);
    }

    public Task<RecordedRequest> WaitAsync(Func<RecordedRequest, bool> wanted, int count)
    {
        lock (_lock)
        {
            var found = _requests.Where(wanted).Skip(count - 1).FirstOrDefault();
            if (found is not null)
                return Task.FromResult(found);
            var signal = new TaskCompletionSource<RecordedRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
            _watchers.Add((wanted, count, signal));
            return signal.Task;
        }
    }

    public void Clear()
    {
        lock (_lock)
        {
            _requests.Clear();
            _next = 0;
        }
    }

    /// <summary>What a test in another process reads.</summary>
    public static object Describe(RecordedRequest r) =>
        new
        {
            r.Number,
            r.Time,
            r.Dialect,
            r.Method,
            r.Path,
            r.Query,
            r.ApiKey,
            r.Headers,
            r.Model,
            r.IsRouting,
            Body = r.Body.ValueKind == JsonValueKind.Undefined ? null : (object)r.Body,
            r.Script,
            r.ReplyIndex,
            r.Status,
            r.DeltasSent,
            r.Outcome,
            r.Failure,
            Tools = r.Chat?.Tools.Select(t => t.Name).ToList(),
            r.Chat?.Messages,
            r.Chat?.SystemText,
        };

    private void Write(string entry, RecordedRequest r)
    {
        if (file is null)
            return;
        file.WriteLine(
            entry == "request"
                ? JsonSerializer.Serialize(new { entry, request = Describe(r) }, ScriptFile.Options)
                : JsonSerializer.Serialize(
                    new
                    {
                        entry,
                        r.Number,
                        r.Status,
                        r.DeltasSent,
                        r.Outcome,
                        r.Failure,
                    },
                    ScriptFile.Options
                )
        );
        file.Flush();
    }
}
