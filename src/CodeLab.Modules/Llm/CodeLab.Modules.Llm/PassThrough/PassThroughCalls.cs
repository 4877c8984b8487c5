using System.Text;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Doors;
using CodeLab.Modules.Llm.Providers.Wire;

namespace CodeLab.Modules.Llm.PassThrough;

/// <summary>Sends a request to a provider of the same dialect: the bytes as they came, but for the model's name and what asks for the usage.</summary>
internal sealed class PassThroughCalls(WireClient wire)
{
    public async ValueTask<StartedAnswer> StartAsync(DoorCall call, CallTarget target)
    {
        var asksForUs = call is { Streams: true, Shape.Dialect: CallDialect.OpenAiChat, Scan.AsksUsage: false };
        var body = new EditedBody(call.Body, ModelEdit(call, target.Model), asksForUs ? UsageEdit(call) : default);
        var answer = await wire.SendAsync(target, call.Shape.Dialect, body, call.Http.Request.Headers, call.Clock!);
        return new PassThroughAnswer(target, answer, AnswerScan.For(call.Shape.Dialect, asksForUs));
    }

    private static BodyEdit ModelEdit(DoorCall call, string model)
    {
        var scan = call.Scan;
        if (scan.Model == model)
            return default;
        // Names hold nothing that would have to be escaped (security.md §9.8).
        if (scan.ModelAt.Start >= 0)
            return new(scan.ModelAt.Start, scan.ModelAt.Length, Encoding.UTF8.GetBytes($"\"{model}\""));
        // A body without any member is refused by the provider either way.
        return new(scan.FirstMember, 0, Encoding.UTF8.GetBytes($"\"model\":\"{model}\","));
    }

    private static BodyEdit UsageEdit(DoorCall call) =>
        call.Scan.UsageEdit is { Text: not null } edit ? edit : new(call.Scan.FirstMember, 0, BodyEdit.WholeMember);
}
