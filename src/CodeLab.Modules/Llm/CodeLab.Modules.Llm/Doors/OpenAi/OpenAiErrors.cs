using System.Text.Json;
using CodeLab.Modules.Llm.Providers.Http;

namespace CodeLab.Modules.Llm.Doors.OpenAi;

/// <summary>Failures as OpenAI tells them (platform.openai.com/docs/guides/error-codes), our code in <c>code</c>.</summary>
internal static class OpenAiErrors
{
    public static void Write(Utf8JsonWriter json, DoorError error)
    {
        json.WriteStartObject();
        json.WriteStartObject("error");
        json.WriteString("message", error.Message);
        json.WriteString("type", TypeOf(error));
        json.WriteNull("param");
        json.WriteString("code", error.Code);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public static string TypeOf(DoorError error) =>
        error.Code == FailureCodes.InsufficientQuota
            ? "insufficient_quota"
            : error.Status switch
            {
                401 => "authentication_error",
                403 => "permission_error",
                429 => "rate_limit_error",
                >= 500 => "server_error",
                _ => "invalid_request_error",
            };
}
