using System.Diagnostics.CodeAnalysis;
using System.Text;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Llm.Chat;
using CodeLab.Protocol.Frames;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>One running model call: streams text to whoever is attached and ends in exactly one input for the engine.</summary>
[SuppressMessage("Reliability", "CA1001", Justification = "Has no timer or wait handle, and may be cancelled after its end")]
internal sealed partial class ModelCall(
    ModelCallKey key,
    StreamChatQuery query,
    string messageId,
    string agent,
    FramePublisher frames,
    IServiceScopeFactory scopes,
    ILogger<ModelCall> logger
)
{
    private readonly CancellationTokenSource _stop = new();

    /// <summary>Ends the call; it then tells the engine nothing any more.</summary>
    public Task CancelAsync() => _stop.CancelAsync();

    /// <summary>Runs the call to its end.</summary>
    /// <returns>What to tell the engine; null when it was cancelled.</returns>
    public async Task<EngineInput?> RunAsync()
    {
        var text = new StringBuilder();
        var calls = new List<ModelToolCall>();
        try
        {
            if (key.Purpose == ModelPurpose.Answer)
                await frames.BeginTextAsync(messageId, agent);
            await using var scope = scopes.CreateAsyncScope();
            var sender = scope.ServiceProvider.GetRequiredService<ISender>();
            await foreach (var update in sender.CreateStream(query, _stop.Token))
            {
                switch (update)
                {
                    case ChatUpdate.TextDelta delta:
                        text.Append(delta.Text);
                        if (key.Purpose == ModelPurpose.Answer && delta.Text.Length > 0)
                            await frames.AppendTextAsync(messageId, delta.Text);
                        break;
                    case ChatUpdate.ToolCall call:
                        calls.Add(new(call.ModelCallId, call.Name, call.ArgumentsJson));
                        break;
                    case ChatUpdate.Completed done:
                        return Completed(text.ToString(), calls, done);
                    case ChatUpdate.Failed failed:
                        return Failed(failed.Code, failed.Message, failed.Usage);
                }
            }
            return _stop.IsCancellationRequested
                ? null
                : Failed("PROVIDER_ERROR", "The model's answer ended without saying so. Send the message again.", null);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            return null;
        }
        catch (Exception exception)
        {
            ModelCallBroke(exception, key.TurnId);
            return Failed("INTERNAL_ERROR", "The model call failed inside the server. Send the message again.", null);
        }
    }

    private EngineInput Completed(string text, List<ModelToolCall> calls, ChatUpdate.Completed done) =>
        key.Purpose switch
        {
            ModelPurpose.Route => new EngineInput.Routed(key, text, done.Model, done.Usage),
            ModelPurpose.Summarise => new EngineInput.Summed(key, text, done.Model, done.Usage),
            _ => new EngineInput.Answered(key, text, calls, done.Model, done.Provider, done.FinishReason, done.Usage, done.ContextWindow),
        };

    // A routing call that fails costs nothing but a guess: the keyword fallback decides (protocol.md §5.2). A summary that fails costs memory.
    private EngineInput Failed(string code, string message, TokenUsage? usage) =>
        key.Purpose switch
        {
            ModelPurpose.Route => new EngineInput.Routed(key, null, null, usage),
            ModelPurpose.Summarise => new EngineInput.Summed(key, null, null, usage),
            _ => new EngineInput.Failed(key, code, message, usage),
        };

    [LoggerMessage(3010, LogLevel.Error, "Model call of turn {TurnId} broke")]
    private partial void ModelCallBroke(Exception exception, string turnId);
}
