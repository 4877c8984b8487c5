using System.Collections.Concurrent;
using System.Data.Common;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;
using MediatR;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Auth.AccessKeys;

/// <summary>A key that works, with its owner as the store has them now.</summary>
internal sealed record AccessKeyState(AccessKeyInfo Info, string Scopes, string UserName, IReadOnlyList<string> Roles)
{
    /// <summary>When this secret stops working: the key's end, or that of the overlap.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
}

/// <summary>
/// Looks keys up by the hash of their secret, re-read at most every 4 s (security.md §9.3). What this process changes it knows at once.
/// </summary>
internal sealed class AccessKeyStates(Database database, TimeProvider time)
{
    private const int Most = 20_000;
    private static readonly TimeSpan _lifetime = TimeSpan.FromSeconds(4);
    private readonly ConcurrentDictionary<string, Entry> _bySecret = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Entry> _byId = new(StringComparer.Ordinal);
    private int _epoch;

    /// <summary>The key of a secret; null when it does not work.</summary>
    public ValueTask<AccessKeyState?> FindAsync(string secret, CancellationToken cancellationToken)
    {
        var hash = AccessKeyStore.Hash(secret);
        return FindAsync(_bySecret, Convert.ToHexString(hash), "s.hash = @what", hash, cancellationToken);
    }

    /// <summary>The key of an id; null when it does not work any more.</summary>
    public ValueTask<AccessKeyState?> FindByIdAsync(string id, CancellationToken cancellationToken) =>
        FindAsync(_byId, id, "k.id = @what AND s.expires_at IS NULL", id, cancellationToken);

    /// <summary>Drops all that is known: rights changed somewhere.</summary>
    public void ForgetAll()
    {
        Interlocked.Increment(ref _epoch);
        _bySecret.Clear();
        _byId.Clear();
    }

    private async ValueTask<AccessKeyState?> FindAsync(
        ConcurrentDictionary<string, Entry> entries,
        string name,
        string condition,
        object what,
        CancellationToken cancellationToken
    )
    {
        if (entries.TryGetValue(name, out var known) && time.GetElapsedTime(known.ReadAt) < _lifetime)
            return IsAlive(known.State) ? known.State : null;
        var epoch = Volatile.Read(ref _epoch);
        var readAt = time.GetTimestamp();
        var state = await ReadAsync(condition, what, cancellationToken);
        // What does not exist is not kept: anybody can make up any number of keys. Nor is what a change may have overtaken.
        if (state is null)
            entries.TryRemove(name, out _);
        else if (epoch == Volatile.Read(ref _epoch))
        {
            if (entries.Count >= Most)
                entries.Clear();
            entries[name] = new(state, readAt);
        }
        return state;
    }

    private bool IsAlive(AccessKeyState state) => state.ExpiresAt is not { } end || end > time.GetUtcNow();

    private async Task<AccessKeyState?> ReadAsync(string condition, object what, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = connection.Command(
            $"""
            SELECT k.id, k.name, k.user_id, k.scopes, k.models, k.requests_per_minute, k.tokens_per_minute, k.budget_micros,
                k.budget_currency, k.budget_period, k.expires_at, s.expires_at, u.user_name, u.roles
            FROM auth_access_key_secrets s
            JOIN auth_access_keys k ON k.id = s.key_id
            JOIN auth_users u ON u.id = k.user_id
            WHERE {condition} AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > @now)
                AND (s.expires_at IS NULL OR s.expires_at > @now) AND u.disabled_at IS NULL
            """,
            null,
            ("@what", what),
            ("@now", time.Milliseconds())
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? Read(reader) : null;
    }

    private static AccessKeyState Read(DbDataReader reader)
    {
        var info = new AccessKeyInfo(reader.GetString(0), reader.GetString(1), reader.GetString(2))
        {
            Models = reader.NullableText(4)?.Split('\n'),
            RequestsPerMinute = (int?)reader.NullableInt64(5),
            TokensPerMinute = (int?)reader.NullableInt64(6),
            Budget = reader.NullableInt64(7) is { } micros ? new(micros, reader.GetString(8), reader.GetString(9)) : null,
        };
        var end = Math.Min(reader.NullableInt64(10) ?? long.MaxValue, reader.NullableInt64(11) ?? long.MaxValue);
        return new(info, reader.GetString(3), reader.GetString(12), User.Split(reader.GetString(13)))
        {
            ExpiresAt = end == long.MaxValue ? null : DateTimeOffset.FromUnixTimeMilliseconds(end),
        };
    }

    private sealed record Entry(AccessKeyState State, long ReadAt);
}

/// <summary>Rights of some user changed: keys may have, too.</summary>
internal sealed class ForgetAccessKeysHandler(AccessKeyStates states) : INotificationHandler<UserRightsChanged>
{
    public Task Handle(UserRightsChanged notification, CancellationToken cancellationToken)
    {
        states.ForgetAll();
        return Task.CompletedTask;
    }
}

/// <summary>Answers <see cref="GetAccessKeyQuery"/>.</summary>
internal sealed class GetAccessKeyHandler(AccessKeyStates states) : IRequestHandler<GetAccessKeyQuery, AccessKeyInfo?>
{
    public async Task<AccessKeyInfo?> Handle(GetAccessKeyQuery request, CancellationToken cancellationToken) =>
        (await states.FindByIdAsync(request.KeyId, cancellationToken))?.Info;
}

/// <summary>Notes when keys were last used, many in one write: a key may be used hundreds of times a second.</summary>
internal sealed partial class AccessKeyUse(Database database, StartupGate startup, TimeProvider time, ILogger<AccessKeyUse> logger)
    : BackgroundService
{
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(20);
    private readonly ConcurrentDictionary<string, long> _used = new(StringComparer.Ordinal);

    /// <summary>Notes a use.</summary>
    public void Used(string keyId) => _used[keyId] = time.Milliseconds();

    /// <summary>Writes what was noted.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        var noted = _used.ToArray();
        if (noted.Length == 0)
            return;
        await database.TransactAsync(
            async (connection, transaction) =>
            {
                foreach (var (id, at) in noted)
                {
                    await connection.ExecuteAsync(
                        "UPDATE auth_access_keys SET last_used_at = @at WHERE id = @id AND (last_used_at IS NULL OR last_used_at < @at)",
                        transaction,
                        [("@at", at), ("@id", id)],
                        default
                    );
                }
                return noted.Length;
            },
            cancellationToken
        );
        foreach (var use in noted)
            _used.TryRemove(use);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await TryFlushAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await startup.Opened.WaitAsync(stoppingToken);
            while (true)
            {
                await Task.Delay(_interval, time, stoppingToken);
                await TryFlushAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Stopping: StopAsync writes the rest.
        }
    }

    private async Task TryFlushAsync(CancellationToken cancellationToken)
    {
        try
        {
            await FlushAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is DbException or DatabaseBusyException or TimeoutException)
        {
            // Kept, and written with the next ones.
            NotWritten(exception);
        }
    }

    [LoggerMessage(2050, LogLevel.Warning, "When access keys were last used could not be written; it is tried again")]
    private partial void NotWritten(Exception exception);
}
