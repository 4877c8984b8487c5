using System.Globalization;
using CodeLab.Modules.Agent.Tools;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace CodeLab.Modules.Agent.Agents;

/// <summary>
/// Reads an agent from Markdown with YAML front matter. The YAML is read as a tree: building objects by reflection cost a tenth of the
/// host's start.
/// </summary>
internal static class AgentFile
{
    private const string _fence = "---\n";

    private static readonly string[] _known =
    [
        "type",
        "name",
        "emoji",
        "description",
        "tools",
        "client_tools",
        "write_patterns",
        "model",
        "temperature",
        "max_steps",
        "capabilities",
        "restrictions",
    ];

    /// <summary>Reads one file.</summary>
    /// <param name="source">Name of the file, for messages.</param>
    /// <param name="text">Its text.</param>
    /// <exception cref="FormatException">The file is no agent; the message names file and field.</exception>
    public static AgentDefinition Parse(string source, string text)
    {
        text = text.TrimStart('\uFEFF').ReplaceLineEndings("\n");
        var end = text.IndexOf("\n" + _fence, _fence.Length - 1, StringComparison.Ordinal);
        if (!text.StartsWith(_fence, StringComparison.Ordinal) || end < 0)
            throw new FormatException($"{source}: an agent begins with front matter between two lines '---'.");
        var fields = new Fields(source, ReadYaml(source, text[_fence.Length..(end + 1)]));
        var prompt = text[(end + 1 + _fence.Length)..].Trim();
        if (prompt.Length == 0)
            throw new FormatException($"{source}: the instructions after the front matter are missing.");

        var tools = fields.List("tools");
        foreach (var tool in tools)
        {
            if (ToolCatalog.Find(tool)?.Name != tool)
                throw new FormatException($"{source}: 'tools' names '{tool}', which is no tool of the catalogue.");
        }
        return new AgentDefinition
        {
            Type = fields.Required("type").ToLowerInvariant(),
            Name = fields.Required("name"),
            Emoji = fields.Required("emoji"),
            Description = fields.Required("description"),
            Tools = tools,
            ClientTools = fields.Flag("client_tools"),
            WritePatterns = fields.List("write_patterns"),
            Model = fields.Text("model"),
            Temperature = (float?)fields.Number("temperature", 0, 2),
            MaxSteps = (int?)fields.Number("max_steps", 1, 1000) ?? throw new FormatException($"{source}: 'max_steps' is missing."),
            Capabilities = fields.List("capabilities"),
            Restrictions = fields.List("restrictions"),
            Prompt = prompt,
        };
    }

    private static YamlMappingNode ReadYaml(string source, string yaml)
    {
        try
        {
            var stream = new YamlStream();
            stream.Load(new StringReader(yaml));
            if (stream.Documents is not [{ RootNode: YamlMappingNode fields }])
                throw new FormatException($"{source}: the front matter must be one mapping.");
            foreach (var key in fields.Children.Keys)
            {
                // A misspelt limit would be no limit.
                if (key is not YamlScalarNode { Value: { } name } || !_known.Contains(name))
                    throw new FormatException($"{source}: unknown field '{key}' in the front matter.");
            }
            return fields;
        }
        catch (YamlException invalid)
        {
            throw new FormatException($"{source}: the front matter is not valid YAML: {invalid.Message}", invalid);
        }
    }

    private sealed class Fields(string source, YamlMappingNode fields)
    {
        public string Required(string name) => Text(name) ?? throw new FormatException($"{source}: '{name}' is missing.");

        public string? Text(string name) =>
            fields.Children.TryGetValue(name, out var node)
                ? node is YamlScalarNode { Value: { Length: > 0 } text }
                    ? text
                    : throw new FormatException($"{source}: '{name}' must be a text.")
                : null;

        public bool Flag(string name) =>
            Text(name) is { } text
            && (bool.TryParse(text, out var flag) ? flag : throw new FormatException($"{source}: '{name}' must be true or false."));

        public double? Number(string name, double low, double high)
        {
            if (Text(name) is not { } text)
                return null;
            return
                double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= low && number <= high
                ? number
                : throw new FormatException(
                    string.Create(CultureInfo.InvariantCulture, $"{source}: '{name}' must be a number from {low} to {high}.")
                );
        }

        public IReadOnlyList<string> List(string name)
        {
            if (!fields.Children.TryGetValue(name, out var node))
                return [];
            if (node is not YamlSequenceNode sequence)
                throw new FormatException($"{source}: '{name}' must be a list.");
            return
            [
                .. sequence.Children.Select(item =>
                    item is YamlScalarNode { Value: { Length: > 0 } text }
                        ? text
                        : throw new FormatException($"{source}: '{name}' must be a list of texts.")
                ),
            ];
        }
    }
}
