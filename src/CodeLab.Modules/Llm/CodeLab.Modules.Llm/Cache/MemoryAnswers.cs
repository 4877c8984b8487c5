namespace CodeLab.Modules.Llm.Cache;

/// <summary>Answers in memory, bounded in bytes; what was used least recently goes first.</summary>
internal sealed class MemoryAnswers(TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<AnswerKey, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _byUse = [];
    private long _bytes;

    public (int Count, long Bytes) Size
    {
        get
        {
            lock (_lock)
                return (_entries.Count, _bytes);
        }
    }

    public StoredAnswer? Find(AnswerKey key)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(key, out var node))
                return null;
            if (node.Value.EndsAt <= time.GetTimestamp())
            {
                Remove(node);
                return null;
            }
            _byUse.Remove(node);
            _byUse.AddFirst(node);
            return node.Value.Answer;
        }
    }

    public void Add(AnswerKey key, StoredAnswer answer, TimeSpan lifetime, long mostBytes)
    {
        var endsAt = time.GetTimestamp() + (long)(lifetime.TotalSeconds * time.TimestampFrequency);
        lock (_lock)
        {
            if (_entries.TryGetValue(key, out var old))
                Remove(old);
            _entries[key] = _byUse.AddFirst(new Entry(key, answer, endsAt));
            _bytes += answer.Size;
            while (_bytes > mostBytes && _byUse.Last is { } last)
                Remove(last);
        }
    }

    public int Clear()
    {
        lock (_lock)
        {
            var count = _entries.Count;
            _entries.Clear();
            _byUse.Clear();
            _bytes = 0;
            return count;
        }
    }

    private void Remove(LinkedListNode<Entry> node)
    {
        _entries.Remove(node.Value.Key);
        _byUse.Remove(node);
        _bytes -= node.Value.Answer.Size;
    }

    private sealed record Entry(AnswerKey Key, StoredAnswer Answer, long EndsAt);
}
