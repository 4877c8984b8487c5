using CodeLab.Client.Storage;

namespace CodeLab.Cli.Terminal;

/// <summary>What was typed before, kept across runs; one entry a line, line breaks escaped.</summary>
internal sealed class InputHistory(string path)
{
    private const int Most = 500;
    private readonly List<string> _entries = [];
    private int _at;
    private string _draft = "";

    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        if (File.Exists(path))
            foreach (var line in await File.ReadAllLinesAsync(path, cancellationToken))
                if (line.Length > 0)
                    _entries.Add(Unescape(line));
        _at = _entries.Count;
    }

    /// <summary>Adds an entry; one equal to the last is not repeated.</summary>
    public async Task AddAsync(string text, CancellationToken cancellationToken)
    {
        if (_entries.Count == 0 || _entries[^1] != text)
            _entries.Add(text);
        if (_entries.Count > Most)
            _entries.RemoveRange(0, _entries.Count - Most);
        _at = _entries.Count;
        await OwnerOnlyFiles.WriteAsync(path, string.Join('\n', _entries.Select(Escape)) + "\n", cancellationToken);
    }

    /// <summary>The entry before, or null at the oldest. What is being typed is kept as a draft.</summary>
    public string? Older(string current)
    {
        if (_at == 0)
            return null;
        if (_at == _entries.Count)
            _draft = current;
        return _entries[--_at];
    }

    /// <summary>The entry after, the draft after the newest, or null.</summary>
    public string? Newer()
    {
        if (_at >= _entries.Count)
            return null;
        return ++_at == _entries.Count ? _draft : _entries[_at];
    }

    internal static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    internal static string Unescape(string line)
    {
        var text = new System.Text.StringBuilder(line.Length);
        for (var i = 0; i < line.Length; i++)
            if (line[i] == '\\' && i + 1 < line.Length)
                text.Append(line[++i] == 'n' ? '\n' : line[i]);
            else
                text.Append(line[i]);
        return text.ToString();
    }
}
