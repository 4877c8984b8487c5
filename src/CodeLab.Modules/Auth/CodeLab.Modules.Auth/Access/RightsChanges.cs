using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using CodeLab.BuildingBlocks.Cluster;
using CodeLab.Modules.Auth.Tokens;
using CodeLab.Modules.Auth.Users;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace CodeLab.Modules.Auth.Access;

/// <summary>
/// Tells every live surface of every node that rights ended or changed (security.md G2): what is remembered of sign-ins is dropped, and
/// <see cref="UserRightsChanged"/> is published, on each node by itself. Call it after the commit. A node that the message does not reach
/// finds out by asking the store again, which it does every 4 s.
/// </summary>
internal sealed class RightsChanges(IClusterBus bus, SignInStates states, AuthMetrics metrics, IServiceScopeFactory scopes) : IHostedService
{
    private const string Channel = "auth:rights";
    private IDisposable? _subscription;

    /// <summary>Tells all nodes; completes when this one has heard. Not cancelled: the change is made, whether or not its author is there.</summary>
    public async Task TellAsync(UserRightsChanged change)
    {
        var since = Stopwatch.GetTimestamp();
        var message = JsonSerializer.SerializeToUtf8Bytes(
            new RightsMessage(change.UserId, change.Reason, change.SignInId),
            RightsJson.Default.RightsMessage
        );
        await bus.PublishAsync(Channel, message, CancellationToken.None);
        metrics.Published("rights_changed", since);
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _subscription = bus.Subscribe(Channel, HearAsync);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _subscription?.Dispose();
        return Task.CompletedTask;
    }

    private async ValueTask HearAsync(ReadOnlyMemory<byte> message)
    {
        if (JsonSerializer.Deserialize(message.Span, RightsJson.Default.RightsMessage) is not { } heard)
            return;
        // Which sign-ins a user has is in the store, so without one named everything is asked again.
        if (heard.SignInId is { } signInId)
            states.Forget(signInId);
        else
            states.ForgetAll();
        await using var scope = scopes.CreateAsyncScope();
        var publisher = scope.ServiceProvider.GetRequiredService<IPublisher>();
        await publisher.Publish(new UserRightsChanged(heard.UserId, heard.Reason) { SignInId = heard.SignInId }, CancellationToken.None);
    }

    internal sealed record RightsMessage(string UserId, string Reason, string? SignInId);
}

[JsonSerializable(typeof(RightsChanges.RightsMessage))]
internal sealed partial class RightsJson : JsonSerializerContext;
