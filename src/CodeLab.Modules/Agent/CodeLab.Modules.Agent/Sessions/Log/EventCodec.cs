using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using CodeLab.Modules.Agent.Approvals;
using CodeLab.Modules.Agent.Sessions.Engine;

namespace CodeLab.Modules.Agent.Sessions.Log;

/// <summary>Events to and from the log's <c>type</c> and <c>payload</c> columns. A name in this table is a promise to every stored log.</summary>
internal static class EventCodec
{
    private static readonly (string Name, Type Type, JsonTypeInfo Info)[] _kinds =
    [
        Kind("session.created", LogJson.Default.SessionCreated),
        Kind("session.updated", LogJson.Default.SessionUpdated),
        Kind("session.deleted", LogJson.Default.SessionDeleted),
        Kind("conversation.cleared", LogJson.Default.ConversationCleared),
        Kind("executor.attached", LogJson.Default.ExecutorAttached),
        Kind("user.message", LogJson.Default.UserWrote),
        Kind("user.joined", LogJson.Default.MessageJoined),
        Kind("turn.started", LogJson.Default.TurnStarted),
        Kind("agent.switched", LogJson.Default.AgentSwitched),
        Kind("model.requested", LogJson.Default.ModelRequested),
        Kind("context.shrunk", LogJson.Default.ContextShrunk),
        Kind("context.summarised", LogJson.Default.ContextSummarised),
        Kind("route.decided", LogJson.Default.RouteDecided),
        Kind("assistant.message", LogJson.Default.AssistantWrote),
        Kind("model.failed", LogJson.Default.ModelFailed),
        Kind("approval.requested", LogJson.Default.ApprovalRequested),
        Kind("approval.resolved", LogJson.Default.ApprovalResolved),
        Kind("tool.allowed", LogJson.Default.CallAllowed),
        Kind("autonomy.chosen", LogJson.Default.AutonomyChosen),
        Kind("remembered.revoked", LogJson.Default.RememberedRevoked),
        Kind("tool.dispatched", LogJson.Default.CallDispatched),
        Kind("tool.result", LogJson.Default.CallEnded),
        Kind("tool.late_result", LogJson.Default.LateResult),
        Kind("context.updated", LogJson.Default.ContextChanged),
        Kind("turn.completed", LogJson.Default.TurnCompleted),
        Kind("turn.failed", LogJson.Default.TurnFailed),
        Kind("turn.cancelled", LogJson.Default.TurnCancelled),
        Kind("session.copied", LogJson.Default.SessionCopied),
        Kind("task.delegated", LogJson.Default.TaskDelegated),
        Kind("task.ended", LogJson.Default.TaskEnded),
        Kind("plan.started", LogJson.Default.PlanStarted),
        Kind("plan.ended", LogJson.Default.PlanEnded),
    ];

    private static readonly FrozenDictionary<string, JsonTypeInfo> _byName = _kinds.ToFrozenDictionary(k => k.Name, k => k.Info);
    private static readonly FrozenDictionary<Type, (string Name, JsonTypeInfo Info)> _byType = _kinds.ToFrozenDictionary(
        k => k.Type,
        k => (k.Name, k.Info)
    );

    private static readonly JsonSerializerOptions _strict = Strict();

    /// <summary>Every name, for the test that keeps stored histories readable.</summary>
    public static IEnumerable<string> Names => _kinds.Select(k => k.Name);

    /// <summary>Name and JSON of an event.</summary>
    public static (string Type, byte[] Payload) Encode(SessionEvent happened)
    {
        var (name, info) = _byType[happened.GetType()];
        return (name, JsonSerializer.SerializeToUtf8Bytes(happened, info));
    }

    /// <summary>The event, or null when a newer version wrote a kind this one does not know (it is skipped, never lost).</summary>
    public static SessionEvent? Decode(string type, ReadOnlySpan<byte> payload) =>
        _byName.TryGetValue(type, out var info) ? (SessionEvent?)JsonSerializer.Deserialize(payload, info) : null;

    /// <summary>The same for what others wrote: members that must be there are, and none is null that must not.</summary>
    /// <exception cref="JsonException">They are not.</exception>
    public static SessionEvent? DecodeStrictly(string type, ReadOnlySpan<byte> payload) =>
        _byName.TryGetValue(type, out var info) ? (SessionEvent?)JsonSerializer.Deserialize(payload, _strict.GetTypeInfo(info.Type)) : null;

    private static JsonSerializerOptions Strict() =>
        new(LogJson.Default.Options)
        {
            RespectNullableAnnotations = true,
            TypeInfoResolver = LogJson.Default.WithAddedModifier(static info =>
            {
                foreach (var member in info.Properties)
                {
                    // Members that are null are not written, so only those that never are can be asked for.
                    if (
                        member.AssociatedParameter is { IsNullable: false, HasDefaultValue: false } parameter
                        && (!parameter.ParameterType.IsValueType || parameter.ParameterType == typeof(JsonElement))
                    )
                        member.IsRequired = true;
                }
            }),
        };

    private static (string, Type, JsonTypeInfo) Kind<T>(string name, JsonTypeInfo<T> info)
        where T : SessionEvent => (name, typeof(T), info);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true
)]
[JsonSerializable(typeof(SessionCreated))]
[JsonSerializable(typeof(SessionUpdated))]
[JsonSerializable(typeof(SessionDeleted))]
[JsonSerializable(typeof(ConversationCleared))]
[JsonSerializable(typeof(ExecutorAttached))]
[JsonSerializable(typeof(UserWrote))]
[JsonSerializable(typeof(MessageJoined))]
[JsonSerializable(typeof(TurnStarted))]
[JsonSerializable(typeof(AgentSwitched))]
[JsonSerializable(typeof(ModelRequested))]
[JsonSerializable(typeof(ContextShrunk))]
[JsonSerializable(typeof(ContextSummarised))]
[JsonSerializable(typeof(RouteDecided))]
[JsonSerializable(typeof(AssistantWrote))]
[JsonSerializable(typeof(ModelFailed))]
[JsonSerializable(typeof(ApprovalRequested))]
[JsonSerializable(typeof(ApprovalResolved))]
[JsonSerializable(typeof(CallAllowed))]
[JsonSerializable(typeof(AutonomyChosen))]
[JsonSerializable(typeof(RememberedRevoked))]
[JsonSerializable(typeof(CallDispatched))]
[JsonSerializable(typeof(CallEnded))]
[JsonSerializable(typeof(LateResult))]
[JsonSerializable(typeof(ContextChanged))]
[JsonSerializable(typeof(TurnCompleted))]
[JsonSerializable(typeof(TurnFailed))]
[JsonSerializable(typeof(TurnCancelled))]
[JsonSerializable(typeof(SessionCopied))]
[JsonSerializable(typeof(TaskDelegated))]
[JsonSerializable(typeof(TaskEnded))]
[JsonSerializable(typeof(PlanStarted))]
[JsonSerializable(typeof(PlanEnded))]
[JsonSerializable(typeof(RememberedRule))]
[JsonSerializable(typeof(SessionState))]
internal sealed partial class LogJson : JsonSerializerContext;
