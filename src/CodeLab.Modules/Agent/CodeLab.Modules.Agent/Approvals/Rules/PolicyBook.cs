using System.Collections.Concurrent;
using CodeLab.BuildingBlocks.Cluster;
using CodeLab.Modules.Auth.Users;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Agent.Approvals;

/// <summary>
/// Rules and rights as they are now, in memory. A change made on this node counts at once, one made on another at the latest after
/// <see cref="_fresh"/>, whether or not the bus told of it.
/// </summary>
internal sealed class PolicyBook : IDisposable
{
    private const string _channel = "agent:policies";
    private static readonly TimeSpan _fresh = TimeSpan.FromSeconds(5);
    private readonly PolicyStore _store;
    private readonly IServiceScopeFactory _scopes;
    private readonly IClusterBus? _bus;
    private readonly IDisposable? _listening;
    private readonly AgentOptions _options;
    private readonly TimeProvider _time;
    private readonly bool _hasUsers;
    private readonly ConcurrentDictionary<string, Known<UserPolicy>> _users = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, DateTimeOffset> _used = new(StringComparer.Ordinal);
    private Known<IReadOnlyList<PolicyRule>>? _rules;

    public PolicyBook(
        PolicyStore store,
        IServiceScopeFactory scopes,
        IServiceProvider services,
        IOptions<AgentOptions> options,
        TimeProvider time
    )
    {
        (_store, _scopes, _options, _time) = (store, scopes, options.Value, time);
        _bus = services.GetService<IClusterBus>();
        _listening = _bus?.Subscribe(
            _channel,
            _ =>
            {
                Forget();
                return ValueTask.CompletedTask;
            }
        );
        _hasUsers = services.GetService<IServiceProviderIsService>()?.IsService(typeof(IRequestHandler<GetUserQuery, UserInfo?>)) == true;
    }

    /// <summary>What holds for the calls of a session now.</summary>
    /// <param name="owner">The session's owner.</param>
    /// <param name="project">Name of the attached workspace, if any.</param>
    public async ValueTask<PolicyContext> ForAsync(string owner, string? project)
    {
        var rules = await RulesAsync();
        if (!_users.TryGetValue(owner, out var known) || !IsFresh(known.At))
            _users[owner] = known = new(await LoadAsync(owner), _time.GetTimestamp());
        var user = known.Value;
        return new(
            user.Roles,
            user.Autonomy ?? _options.Autonomy,
            _options.AutonomyCeiling,
            rules,
            [.. user.Remembered.Where(r => r.Scope == "user" || (r.Scope == "project" && r.Project == project))]
        );
    }

    /// <summary>All rules, in the order they are looked at.</summary>
    public async ValueTask<IReadOnlyList<PolicyRule>> RulesAsync()
    {
        var known = _rules;
        if (known is null || !IsFresh(known.At))
        {
            var rules = await _store.RulesAsync(CancellationToken.None);
            _rules = known = new([.. rules.Select(r => new PolicyRule(r))], _time.GetTimestamp());
        }
        return known.Value;
    }

    /// <summary>Makes every node read again.</summary>
    public async ValueTask ChangedAsync(CancellationToken cancellationToken)
    {
        Forget();
        if (_bus is not null)
            await _bus.PublishAsync(_channel, ReadOnlyMemory<byte>.Empty, cancellationToken);
    }

    /// <summary>Notes that a rule decided a call; written by <see cref="FlushUsesAsync"/>, because calls must not wait for it.</summary>
    public void Used(string ruleId, DateTimeOffset at) => _used[ruleId] = at;

    /// <summary>Writes when rules were last used.</summary>
    public async Task FlushUsesAsync(CancellationToken cancellationToken)
    {
        var used = new List<(string, DateTimeOffset)>();
        foreach (var id in _used.Keys)
        {
            if (_used.TryRemove(id, out var at))
                used.Add((id, at));
        }
        if (used.Count > 0)
            await _store.TouchAsync(used, cancellationToken);
    }

    public void Dispose() => _listening?.Dispose();

    private void Forget()
    {
        _rules = null;
        _users.Clear();
    }

    private async Task<UserPolicy> LoadAsync(string owner)
    {
        IReadOnlyList<string>? roles = null;
        if (_hasUsers)
        {
            await using var scope = _scopes.CreateAsyncScope();
            roles = (await scope.ServiceProvider.GetRequiredService<ISender>().Send(new GetUserQuery(owner)))?.Roles ?? [];
        }
        var remembered = await _store.RememberedAsync(owner, CancellationToken.None);
        return new(roles, await _store.AutonomyAsync(owner, CancellationToken.None), [.. remembered.Select(r => r.Rule)]);
    }

    private bool IsFresh(long at) => _time.GetElapsedTime(at) < _fresh;

    private sealed record UserPolicy(IReadOnlyList<string>? Roles, string? Autonomy, IReadOnlyList<RememberedRule> Remembered);

    private sealed record Known<T>(T Value, long At);
}
