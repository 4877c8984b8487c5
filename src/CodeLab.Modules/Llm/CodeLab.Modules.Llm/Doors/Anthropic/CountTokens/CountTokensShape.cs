using System.Buffers;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Translation;
using CodeLab.Modules.Llm.Translation.AnthropicMessages;

namespace CodeLab.Modules.Llm.Doors.Anthropic.CountTokens;

/// <summary><c>POST /v1/messages/count_tokens</c>. Only Anthropic counts for us; for models of others the answer is an estimate.</summary>
internal sealed class CountTokensShape : DoorShape
{
    public static readonly CountTokensShape Instance = new();

    public override CallDialect Dialect => CallDialect.AnthropicCountTokens;

    public override CallKind Kind => CallKind.CountTokens;

    public override string RequestIdHeader => "request-id";

    public override ModelRequest ReadRequest(JsonElement body) => MessagesRequestReader.Read(body);

    public override AnswerWriter CreateWriter(IBufferWriter<byte> output, AnswerHead head) =>
        throw new NotSupportedException("A count is no chat");

    public override ValueTask<StartedAnswer> TranslateAsync(TranslatedCalls calls, DoorCall call, CallTarget target)
    {
        using var document = TranslatedCalls.Parse(call);
        // Refused here as Anthropic would: a count of something that can not be sent helps nobody.
        var request = ReadRequest(document.RootElement);
        return ValueTask.FromResult<StartedAnswer>(new EstimatedCount(target, TokenEstimate.Of(request)));
    }

    public override void WriteError(Utf8JsonWriter json, DoorError error, string requestId) =>
        AnthropicErrors.Write(json, error, requestId);

    public override void WriteErrorEvent(IBufferWriter<byte> output, DoorError error, string requestId) =>
        throw new NotSupportedException("A count is no stream");

    private sealed class EstimatedCount(CallTarget target, long tokens) : StartedAnswer(target)
    {
        public override CallUsage? Usage => default(CallUsage);

        public override long Written => 0;

        public override async ValueTask ForwardAsync(DoorCall call)
        {
            call.BeginAnswer(this, "application/json", null);
            using (var json = new Utf8JsonWriter(call.Http.Response.BodyWriter))
            {
                json.WriteStartObject();
                json.WriteNumber("input_tokens", tokens);
                json.WriteEndObject();
            }
            await call.FlushAsync(call.Http.Response.BodyWriter);
        }

        public override void Dispose() { }
    }
}
