using System.Collections;

namespace CodeLab.Client.Tools;

/// <summary>What a command sees of the environment. Rules: client reference §4.</summary>
internal static class CommandEnvironment
{
    /// <summary>The environment of a command: the person's, without our secrets and with nothing that asks or pages.</summary>
    public static IReadOnlyDictionary<string, string> Create(LocalToolOptions options)
    {
        var environment = new Dictionary<string, string>(
            OperatingSystem.IsWindows() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal
        );
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            var name = (string)variable.Key;
            if (!IsSecret(name, options))
                environment[name] = (string?)variable.Value ?? "";
        }
        environment.Remove("NO_COLOR");
        environment["GIT_TERMINAL_PROMPT"] = "0";
        environment["CI"] = "1";
        environment["PAGER"] = "cat";
        environment["GIT_PAGER"] = "cat";
        return environment;
    }

    // Configuration of a host in the same environment (CodeLab__…) can hold keys, so the prefix goes in any case.
    private static bool IsSecret(string name, LocalToolOptions options) =>
        name.StartsWith("CODELAB_", StringComparison.OrdinalIgnoreCase)
        || options.SecretVariables.Contains(name, StringComparer.OrdinalIgnoreCase);
}
