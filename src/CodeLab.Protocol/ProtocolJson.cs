using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using CodeLab.Protocol.Rest;
using CodeLab.Protocol.Socket;

namespace CodeLab.Protocol;

/// <summary>
/// JSON of every wire record: snake_case, no null members written, unknown members ignored, <c>type</c> may stand anywhere in an object.
/// Source-generated, so that the client is NativeAOT-clean.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DictionaryKeyPolicy = JsonKnownNamingPolicy.Unspecified,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowOutOfOrderMetadataProperties = true,
    Converters = [typeof(UtcTimestampConverter)]
)]
[JsonSerializable(typeof(SessionFrame))]
[JsonSerializable(typeof(IReadOnlyList<SessionFrame>))]
[JsonSerializable(typeof(AttachRequest))]
[JsonSerializable(typeof(AttachResponse))]
[JsonSerializable(typeof(SendMessageRequest))]
[JsonSerializable(typeof(SubmitToolResultRequest))]
[JsonSerializable(typeof(DecideRequest))]
[JsonSerializable(typeof(SwitchAgentRequest))]
[JsonSerializable(typeof(UpdateContextRequest))]
[JsonSerializable(typeof(SessionRequest))]
[JsonSerializable(typeof(ChooseExecutorRequest))]
[JsonSerializable(typeof(InputAck))]
[JsonSerializable(typeof(ClientMessage))]
[JsonSerializable(typeof(ServerMessage))]
[JsonSerializable(typeof(SessionInfo))]
[JsonSerializable(typeof(SessionDetail))]
[JsonSerializable(typeof(CreateSessionBody))]
[JsonSerializable(typeof(UpdateSessionBody))]
[JsonSerializable(typeof(SessionList))]
[JsonSerializable(typeof(SessionExportHeader))]
[JsonSerializable(typeof(ForkSessionBody))]
[JsonSerializable(typeof(RerunBody))]
[JsonSerializable(typeof(IReadOnlyList<PolicyRuleBody>))]
[JsonSerializable(typeof(RerunAnswer))]
[JsonSerializable(typeof(SessionDeleted))]
[JsonSerializable(typeof(SessionHistory))]
[JsonSerializable(typeof(HistoryCleared))]
[JsonSerializable(typeof(PendingApprovalList))]
[JsonSerializable(typeof(HitlDecisionBody))]
[JsonSerializable(typeof(HitlDecisionAnswer))]
[JsonSerializable(typeof(ApproveBody))]
[JsonSerializable(typeof(PolicyRuleBody))]
[JsonSerializable(typeof(PolicyRuleInfo))]
[JsonSerializable(typeof(PolicyRuleList))]
[JsonSerializable(typeof(TryPolicyBody))]
[JsonSerializable(typeof(TryPolicyAnswer))]
[JsonSerializable(typeof(RememberedDecision))]
[JsonSerializable(typeof(RememberedDecisionList))]
[JsonSerializable(typeof(AutonomySetting))]
[JsonSerializable(typeof(ApprovalQueue))]
[JsonSerializable(typeof(AgentList))]
[JsonSerializable(typeof(CurrentAgentInfo))]
[JsonSerializable(typeof(SwitchAgentBody))]
[JsonSerializable(typeof(AgentSwitchAnswer))]
[JsonSerializable(typeof(SessionShareList))]
[JsonSerializable(typeof(ShareSessionBody))]
[JsonSerializable(typeof(ShareRemoved))]
[JsonSerializable(typeof(SessionMetrics))]
[JsonSerializable(typeof(SessionMetricsList))]
[JsonSerializable(typeof(MetricsReport))]
[JsonSerializable(typeof(AuditLog))]
[JsonSerializable(typeof(EventStats))]
[JsonSerializable(typeof(ErrorBody))]
[JsonSerializable(typeof(HealthBody))]
[JsonSerializable(typeof(CallerInfo))]
[JsonSerializable(typeof(DeviceAuthorization))]
[JsonSerializable(typeof(TokenAnswer))]
[JsonSerializable(typeof(TokenError))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(Dictionary<string, string>))]
public sealed partial class ProtocolJson : JsonSerializerContext;
