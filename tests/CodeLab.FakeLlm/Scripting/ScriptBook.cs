using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace CodeLab.FakeLlm;

/// <summary>A reply picked for one request.</summary>
internal sealed record Choice(string Script, int Index, ScriptedReply Reply, Fault? Fault);

/// <summary>All scripts, and the choice of a reply for a request.</summary>
internal sealed partial class ScriptBook
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Script> _named = new(StringComparer.Ordinal);
    private readonly Dictionary<Script, int> _positions = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Script, Dictionary<string, int>> _tries = new(ReferenceEqualityComparer.Instance);
    private Script? _default;
    private string? _route = "coder";

    public ScriptBook() => Reset();

    /// <summary>Agent named to routing requests; null: they are treated like any other.</summary>
    public string? Route
    {
        get
        {
            lock (_lock)
                return _route;
        }
        set
        {
            lock (_lock)
                _route = value;
        }
    }

    public void Add(Script script, bool asDefault)
    {
        lock (_lock)
        {
            if (script.Name is { } name)
                _named[name] = script;
            if (asDefault || script.Name is null)
                _default = script;
            Rewind(script);
        }
    }

    /// <summary>Makes a known script the default one.</summary>
    public void Use(string name)
    {
        lock (_lock)
        {
            _default = _named.TryGetValue(name, out var script)
                ? script
                : throw new ArgumentException($"No script is named '{name}'; known: {string.Join(", ", _named.Keys)}.", nameof(name));
            Rewind(_default);
        }
    }

    public void Reset()
    {
        lock (_lock)
        {
            _named.Clear();
            _positions.Clear();
            _tries.Clear();
            _default = null;
            _route = "coder";
            foreach (var script in ScriptFile.Shipped)
                _named[script.Name!] = script;
        }
    }

    /// <summary>True when the request is a routing call that is answered as such, not as a step of the script.</summary>
    public bool AnswersRouting(ChatView chat) =>
        chat.LooksLikeRouting && (Route is not null || FindScript(chat, out _) is { Route: not null });

    public Choice Choose(ChatView chat)
    {
        lock (_lock)
        {
            var script = FindScript(chat, out var firstTurn);
            if (script is null)
                return chat.IsRouting ? Routing("", null) : Missing(chat);
            var name = script.Name ?? "default";

            for (var i = 0; i < script.Replies.Count; i++)
            {
                if (script.Replies[i].When is { } when && when.Holds(chat))
                    return Pick(chat, script, i, out _);
            }

            if (chat.IsRouting)
                return Routing(name, script.Route);

            var ordered = Enumerable.Range(0, script.Replies.Count).Where(i => script.Replies[i].When is null).ToList();
            var position = script.Mode == ScriptMode.ByTurn ? chat.AssistantTurns - firstTurn : _positions.GetValueOrDefault(script);
            if (position >= ordered.Count && script.RepeatLast && ordered.Count > 0)
                position = ordered.Count - 1;
            if (position >= ordered.Count)
            {
                var text =
                    script.Exhausted ?? $"The script '{name}' has no reply left: it has {ordered.Count}, and this is turn {position + 1}.";
                return new Choice(name, -1, new ScriptedReply { Text = text }, null);
            }

            var choice = Pick(chat, script, ordered[position], out var limited);
            if (script.Mode == ScriptMode.Sequential && !limited)
                _positions[script] = position + 1;
            return choice;
        }
    }

    /// <summary>The fault this try sees: faults last their number of tries, one after another.</summary>
    private Choice Pick(ChatView chat, Script script, int index, out bool limited)
    {
        limited = false;
        var reply = script.Replies[index];
        var name = script.Name ?? "default";
        if (reply.Faults.Count == 0)
            return new Choice(name, index, reply, null);

        if (!_tries.TryGetValue(script, out var counts))
            _tries[script] = counts = new Dictionary<string, int>(StringComparer.Ordinal);
        var key = $"{index}/{chat.Fingerprint}";
        var tries = counts[key] = counts.GetValueOrDefault(key) + 1;
        foreach (var fault in reply.Faults)
        {
            if (fault.Tries is not { } limit)
                return new Choice(name, index, reply, fault);
            if (tries <= limit)
            {
                limited = true;
                return new Choice(name, index, reply, fault);
            }

            tries -= limit;
        }

        return new Choice(name, index, reply, null);
    }

    /// <summary>Only this script begins anew: others may be in use by tests that run at the same time.</summary>
    private void Rewind(Script script)
    {
        _positions.Remove(script);
        _tries.Remove(script);
    }

    private Choice Routing(string script, string? agent)
    {
        var answer = new JsonObject
        {
            ["agent"] = agent ?? _route,
            ["confidence"] = "high",
            ["reasoning"] = "Coding task",
        };
        return new Choice(script, -1, new ScriptedReply { Text = answer.ToJsonString() }, null);
    }

    private static Choice Missing(ChatView chat)
    {
        var asked = Markers(chat).LastOrDefault().Name;
        var text = asked is null ? "The fake model has no script." : $"The fake model has no script named '{asked}'.";
        return new Choice(asked ?? "", -1, new ScriptedReply { Text = text }, null);
    }

    /// <summary>
    /// The script named by the last marker, and the assistant turn at which the conversation came to it: a later message may send the
    /// conversation to another script, which then begins at its first reply; repeating the same marker goes on.
    /// </summary>
    private Script? FindScript(ChatView chat, out int firstTurn)
    {
        lock (_lock)
        {
            firstTurn = 0;
            string? current = null;
            foreach (var (name, turn) in Markers(chat))
            {
                if (current is not null && name != current)
                    firstTurn = turn;
                current = name;
            }

            return current is null ? _default : _named.GetValueOrDefault(current);
        }
    }

    private static IEnumerable<(string Name, int Turn)> Markers(ChatView chat)
    {
        var turn = 0;
        var inAssistant = false;
        foreach (var message in chat.Messages)
        {
            if (message.Role == "assistant")
            {
                if (!inAssistant)
                    turn++;
                inAssistant = true;
                continue;
            }

            inAssistant = false;
            if (message.Role != "user")
                continue;
            foreach (Match match in Marker().Matches(message.Text))
                yield return (match.Groups["name"].Value, turn);
        }
    }

    [GeneratedRegex(@"\[\[script:(?<name>[A-Za-z0-9._-]+)\]\]", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Marker();
}
