namespace CodeLab.Client.Storage;

/// <summary>
/// The folder in which a client keeps what must outlive it: tokens, journals of executed calls, input history. Only its owner may enter.
/// </summary>
public sealed class ClientDataDirectory
{
    private ClientDataDirectory(string path) => Path = path;

    /// <summary>The full path.</summary>
    public string Path { get; }

    /// <summary>
    /// Finds the folder: <paramref name="chosen"/>, else <c>$CODELAB_DATA</c>, else <c>$XDG_DATA_HOME/codelab</c>, else
    /// <c>~/.local/share/codelab</c> (on Windows the local application data). It is created when it is missing.
    /// </summary>
    /// <param name="chosen">What the person asked for, or null.</param>
    /// <param name="environment">Reads an environment variable; tests give their own.</param>
    /// <exception cref="IOException">The folder cannot be made.</exception>
    public static ClientDataDirectory Open(string? chosen, Func<string, string?>? environment = null)
    {
        environment ??= Environment.GetEnvironmentVariable;
        var path = NotEmpty(chosen) ?? NotEmpty(environment("CODELAB_DATA")) ?? Default(environment);
        var data = new ClientDataDirectory(System.IO.Path.GetFullPath(path));
        OwnerOnly.CreateDirectory(data.Path);
        return data;
    }

    /// <summary>A path below the folder.</summary>
    public string Combine(params ReadOnlySpan<string> parts)
    {
        var path = Path;
        foreach (var part in parts)
            path = System.IO.Path.Combine(path, part);
        return path;
    }

    private static string Default(Func<string, string?> environment)
    {
        if (NotEmpty(environment("XDG_DATA_HOME")) is { } shared)
            return System.IO.Path.Combine(shared, "codelab");
        if (OperatingSystem.IsWindows())
            return System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "CodeLab");
        var home = NotEmpty(environment("HOME")) ?? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return System.IO.Path.Combine(home, ".local", "share", "codelab");
    }

    private static string? NotEmpty(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
}
