using System.Collections.Concurrent;
using System.Diagnostics;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Tokens;
using CodeLab.Modules.Auth.Users;

namespace CodeLab.Modules.Auth.Access;

/// <summary>What the store says about a living sign-in.</summary>
/// <param name="UserName">Sign-in name.</param>
/// <param name="Roles">Roles of the user now, which may differ from those in an older token.</param>
internal sealed record SignInState(string UserName, IReadOnlyList<string> Roles);

/// <summary>
/// Whether a sign-in lives and which roles its user has, re-read at most every 4 s (security.md §3.5, §6.3). What this process changes it
/// knows at once; what another host changes it knows by then.
/// </summary>
internal sealed class SignInStates(Database database, AuthMetrics metrics, TimeProvider time)
{
    private const int Most = 20_000;
    private static readonly TimeSpan _lifetime = TimeSpan.FromSeconds(4);
    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private int _epoch;

    /// <summary>The state; null when the sign-in was revoked or expired, or its user is disabled, gone, or has a new password.</summary>
    public async ValueTask<SignInState?> FindAsync(string signInId, CancellationToken cancellationToken)
    {
        if (_entries.TryGetValue(signInId, out var known) && time.GetElapsedTime(known.ReadAt) < _lifetime)
        {
            metrics.Checked(known.State is not null);
            return known.State;
        }
        var epoch = Volatile.Read(ref _epoch);
        var readAt = time.GetTimestamp();
        var state = await ReadAsync(signInId, cancellationToken);
        // A change that came while we read must not be hidden by what we read before it.
        if (epoch == Volatile.Read(ref _epoch))
        {
            if (_entries.Count >= Most)
                _entries.Clear();
            _entries[signInId] = new(state, readAt);
        }
        return state;
    }

    /// <summary>Drops what is known of a sign-in.</summary>
    public void Forget(string signInId)
    {
        Interlocked.Increment(ref _epoch);
        _entries.TryRemove(signInId, out _);
    }

    /// <summary>Drops everything: a user changed, and which sign-ins are theirs is in the store.</summary>
    public void ForgetAll()
    {
        Interlocked.Increment(ref _epoch);
        _entries.Clear();
    }

    private async ValueTask<SignInState?> ReadAsync(string signInId, CancellationToken cancellationToken)
    {
        var since = Stopwatch.GetTimestamp();
        var state = await database.FirstAsync(
            """
            SELECT u.user_name, u.roles
            FROM auth_sign_ins s
            JOIN auth_users u ON u.id = s.user_id
            WHERE s.id = $1 AND s.revoked_at IS NULL AND s.expires_at > $2 AND u.disabled_at IS NULL
                AND u.security_stamp = s.security_stamp
            """,
            [signInId, time.Milliseconds()],
            reader => new SignInState(reader.GetString(0), User.Split(reader.GetString(1))),
            cancellationToken
        );
        metrics.Checked(state is not null, since);
        return state;
    }

    private sealed record Entry(SignInState? State, long ReadAt);
}
