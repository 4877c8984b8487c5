using System.Security.Cryptography;
using System.Text;
using CodeLab.Client.Storage;

namespace CodeLab.Client.Workspaces;

/// <summary>
/// The stable id under which this client runs tools in a folder. A call in flight is delivered again only to the same id, because only
/// the journal kept beside it knows whether the call already ran: a client that starts again after a crash must be the same executor.
/// Two clients at once in one folder are two executors, so each holds a numbered place as long as it lives and the lowest free is taken.
/// </summary>
public sealed class ExecutorIdentity : IDisposable
{
    private const int MostPlaces = 64;
    private readonly FileStream _place;
    private readonly string _folder;

    private ExecutorIdentity(string id, string folder, FileStream place)
    {
        Id = id;
        _folder = folder;
        _place = place;
    }

    /// <summary>The id, of letters, digits and <c>.-</c>.</summary>
    public string Id { get; }

    /// <summary>Takes the lowest free place for a folder.</summary>
    /// <exception cref="IOException">More than 64 clients work in the folder.</exception>
    public static async Task<ExecutorIdentity> TakeAsync(
        ClientDataDirectory data,
        string workspaceRoot,
        CancellationToken cancellationToken = default
    )
    {
        var workspace = WorkspaceKey.Of(workspaceRoot);
        for (var place = 0; place < MostPlaces; place++)
        {
            var folder = data.Combine("executors", workspace, place.ToString(System.Globalization.CultureInfo.InvariantCulture));
            if (OwnerOnly.TryLock(Path.Combine(folder, "lock")) is not { } held)
                continue;
            try
            {
                return new ExecutorIdentity(await IdAsync(folder, cancellationToken), folder, held);
            }
            catch
            {
                await held.DisposeAsync();
                throw;
            }
        }
        throw new IOException($"{MostPlaces} clients already work in {workspaceRoot}. Close one of them.");
    }

    /// <summary>Where the journal of a session is kept.</summary>
    public string JournalPath(string sessionId)
    {
        // The id is hashed: the server chooses it, and it must not choose the path.
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sessionId)))[..32];
        return Path.Combine(_folder, "journals", name + ".jsonl");
    }

    /// <inheritdoc/>
    public void Dispose() => _place.Dispose();

    private static async Task<string> IdAsync(string folder, CancellationToken cancellationToken)
    {
        var path = Path.Combine(folder, "id");
        if (File.Exists(path))
        {
            var known = (await File.ReadAllTextAsync(path, cancellationToken)).Trim();
            if (Guid.TryParse(known, out _))
                return "cli-" + known;
        }
        var fresh = Guid.NewGuid().ToString();
        await OwnerOnly.WriteAsync(path, Encoding.UTF8.GetBytes(fresh), cancellationToken);
        return "cli-" + fresh;
    }
}

/// <summary>The name of a folder in the data directory.</summary>
public static class WorkspaceKey
{
    /// <summary>A short hash of the full path.</summary>
    public static string Of(string workspaceRoot)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(workspaceRoot));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(full)))[..16];
    }
}
