using System.Security.Cryptography;
using System.Text;
using CodeLab.Client.Storage;
using CodeLab.Client.Workspaces;

namespace CodeLab.Cli.Up;

/// <summary>
/// What <c>up</c> keeps for one workspace: the host's database, its log, the address it listens on and the administrator it was made
/// with. All of it is the person's own; nobody else may read it.
/// </summary>
internal sealed class UpFolder(ClientDataDirectory data, string workspaceRoot)
{
    private readonly string _path = data.Combine("up", WorkspaceKey.Of(workspaceRoot));

    public string Database => Path.Combine(_path, "data");
    public string Log => Path.Combine(_path, "host.log");
    public string ReadyFile => Path.Combine(_path, "address");
    public string PasswordFile => Path.Combine(_path, "admin-password");
    private string NameFile => Path.Combine(_path, "admin-name");

    /// <summary>The lock of the one <c>up</c> that runs the host here; null when another has it.</summary>
    public FileStream? TryLock() => OwnerOnlyFiles.TryLock(Path.Combine(_path, "lock"));

    /// <summary>The administrator of the host; made once, because the host keeps it.</summary>
    public async Task<(string Name, string Password)> AdministratorAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(PasswordFile) || !File.Exists(NameFile))
        {
            OwnerOnlyFiles.CreateDirectory(Database);
            // Random beyond guessing, and of every class of characters the rules may ask for.
            var password = "aA1!" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(30)).Replace('+', '-').Replace('/', '_');
            await OwnerOnlyFiles.WriteAsync(NameFile, UserName(Environment.UserName), cancellationToken);
            await OwnerOnlyFiles.WriteAsync(PasswordFile, password, cancellationToken);
        }
        var name = (await File.ReadAllTextAsync(NameFile, cancellationToken)).Trim();
        return (name, (await File.ReadAllTextAsync(PasswordFile, cancellationToken)).Trim());
    }

    /// <summary>The address a running host has told, or null.</summary>
    public async Task<string?> AddressAsync(CancellationToken cancellationToken)
    {
        try
        {
            var text = (await File.ReadAllTextAsync(ReadyFile, cancellationToken)).Trim();
            return text.Length == 0 ? null : text.Split('\n', ';')[0].Trim();
        }
        catch (IOException)
        {
            // Not there yet, or just being written: looked at again.
            return null;
        }
    }

    /// <summary>An operating system's user name in the form the server takes: 3 to 64 of letters, digits, <c>_</c> and <c>-</c>.</summary>
    internal static string UserName(string osName)
    {
        var name = new StringBuilder();
        foreach (var c in osName)
            if (char.IsAsciiLetterOrDigit(c) || c is '_' or '-')
                name.Append(c);
            else if (c is '.' or ' ' or '@' or '\\')
                name.Append('_');
        if (name.Length is > 0 and < 3)
            name.Append("_user");
        return name.Length == 0 ? "developer" : name.ToString(0, Math.Min(64, name.Length));
    }
}
