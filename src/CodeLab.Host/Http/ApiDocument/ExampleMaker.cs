using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace CodeLab.Host.Http.ApiDocument;

/// <summary>
/// Makes an example of a wire record from its members as they are serialized, so that no example can name a member that is not there.
/// </summary>
internal sealed class ExampleMaker(JsonSerializerOptions options)
{
    private const int Deepest = 5;
    private const string Session = "3f1c9a52-8a6e-4d0a-9a63-51b0cf0d9c11";
    private const string User = "7d0c2f0e-5b1a-4d53-9a55-0a1f6f3c2b77";
    private const string Time = "2026-03-02T08:16:09.120Z";

    private static readonly Dictionary<string, string> _texts = new(StringComparer.Ordinal)
    {
        ["id"] = Session,
        ["session_id"] = Session,
        ["request_id"] = "call_9aX2",
        ["call_id"] = "call_9aX2",
        ["action_id"] = "call_9aX2",
        ["tool_call_id"] = "call_9aX2",
        ["message_id"] = "msg_41",
        ["event_id"] = "0d7c6a1e-3b0f-4c6c-9d59-7b1f3f0a5e10",
        ["correlation_id"] = "turn_8Kd2",
        ["user_id"] = User,
        ["owner_id"] = User,
        ["added_by"] = User,
        ["grantee_id"] = User,
        ["username"] = "dana",
        ["email"] = "dana@example.org",
        ["password"] = "Correct-Horse-7-Battery",
        ["title"] = "Add login form",
        ["description"] = "Writes and changes code",
        ["current_agent"] = "coder",
        ["agent_type"] = "coder",
        ["target_agent"] = "coder",
        ["agent_name"] = "coder",
        ["agent"] = "coder",
        ["type"] = "coder",
        ["emoji"] = "💻",
        ["from"] = "orchestrator",
        ["from_agent"] = "orchestrator",
        ["switched_from"] = "orchestrator",
        ["previous_agent"] = "orchestrator",
        ["to"] = "coder",
        ["to_agent"] = "coder",
        ["switched_to"] = "coder",
        ["confidence"] = "high",
        ["reason"] = "Coding task",
        ["model"] = "gpt-4o-mini",
        ["provider"] = "openai",
        ["role"] = "viewer",
        ["kind"] = "user",
        ["status"] = "idle",
        ["decision"] = "approve",
        ["feedback"] = "Use the docs folder",
        ["content"] = "Create hello.dart",
        ["request_type"] = "tool",
        ["subject"] = "write_file",
        ["tool_name"] = "write_file",
        ["allowed_tools"] = "read_file",
        ["tools"] = "read_file",
        ["file_restrictions"] = "**/*.md",
        ["capabilities"] = "code_writing",
        ["roles"] = "developer",
        ["scopes"] = "api:read",
        ["scope"] = "api:read api:write",
        ["event_type"] = "hitl_decision_made",
        ["event_category"] = "hitl",
        ["source"] = "agent",
        ["version"] = "1.0",
        ["currency"] = "USD",
        ["base_url"] = "https://llm.example.org/v1",
        ["error"] = "LLM_ERROR",
        ["name"] = "write_file",
        ["arguments"] = """{"path":"hello.dart","content":"void main() {}"}""",
    };

    /// <summary>An example; null only for a type that has no JSON form.</summary>
    public JsonNode? Make(Type type) => Make(type, "", 0);

    private JsonNode? Make(Type type, string name, int depth)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (Simple(type, name) is { } simple)
            return simple;
        if (depth > Deepest || !options.TryGetTypeInfo(type, out var info))
            return new JsonObject();
        return info.Kind switch
        {
            JsonTypeInfoKind.Object => Members(info, depth),
            JsonTypeInfoKind.Enumerable => new JsonArray(Make(info.ElementType!, name, depth + 1)),
            JsonTypeInfoKind.Dictionary => new JsonObject { [KeyOf(name)] = Make(info.ElementType!, name, depth + 1) },
            _ => "…",
        };
    }

    private JsonObject Members(JsonTypeInfo info, int depth)
    {
        var members = new JsonObject();
        foreach (var property in info.Properties)
        {
            if (property.Get is not null || property.Set is not null)
                members[property.Name] = Make(property.PropertyType, property.Name, depth + 1);
        }
        return members;
    }

    private static JsonNode? Simple(Type type, string name)
    {
        if (type == typeof(string) || type == typeof(Guid) || type == typeof(Uri))
            return TextOf(name);
        if (type == typeof(bool))
            return true;
        if (type == typeof(DateTimeOffset) || type == typeof(DateTime))
            return Time;
        if (type == typeof(JsonElement) || type == typeof(JsonNode) || type == typeof(JsonObject) || type == typeof(object))
            return new JsonObject { ["path"] = "hello.dart" };
        if (type == typeof(int) || type == typeof(long))
            return name.Contains("token", StringComparison.Ordinal) ? 812 : 1;
        if (type == typeof(double) || type == typeof(decimal) || type == typeof(float))
            return 1204.5;
        return type.IsEnum ? JsonNamingPolicy.SnakeCaseLower.ConvertName(Enum.GetNames(type)[0]) : null;
    }

    private static string TextOf(string name) =>
        _texts.GetValueOrDefault(name)
        ?? (
            name.EndsWith("_at", StringComparison.Ordinal) ? Time
            : name.EndsWith("_id", StringComparison.Ordinal) ? User
            : name.Replace('_', ' ')
        );

    private static string KeyOf(string name) =>
        name switch
        {
            "agent_switches" => "orchestrator_to_coder",
            "agent_processing" or "errors" => "coder",
            "tool_executions" or "hitl_decisions" => "write_file",
            "computed" => "coder_avg_duration_ms",
            _ => "key",
        };
}
