using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Providers;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Protocol.Frames;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Llm.Chat;

/// <summary>
/// One request to a provider and the reading of its answer. Knows how it ended: complete, failed with a code, or left by the caller. Tool calls
/// are held back until the answer is complete, so that a stream cut in the middle never yields half a call.
/// </summary>
internal sealed partial class ChatExchange : IAsyncDisposable
{
    private readonly CallTarget _model;
    private readonly ProviderCall _call;
    private readonly ProviderTransport _transport;
    private readonly StreamChatQuery _query;
    private readonly ILogger _logger;
    private readonly long _started;
    private readonly List<ChatUpdate> _toolCalls = [];
    private HttpClient? _http;
    private IChatClient? _client;
    private IAsyncEnumerator<ChatResponseUpdate>? _updates;
    private UsageDetails? _usage;
    private ChatFinishReason? _finish;
    private ProviderException? _failure;
    private TimeSpan? _firstToken;
    private long _written;
    private bool _ended;

    public ChatExchange(CallTarget model, ProviderCall call, ProviderTransport transport, StreamChatQuery query, ILogger logger)
    {
        (_model, _call, _transport, _query, _logger) = (model, call, transport, query, logger);
        _started = call.Time.GetTimestamp();
    }

    /// <summary>The next pieces, or null at the end, be it good or bad. Throws only when the caller has left.</summary>
    public async ValueTask<IReadOnlyList<ChatUpdate>?> ReadAsync()
    {
        if (_ended)
            return null;
        try
        {
            _updates ??= Open();
            while (await _updates.MoveNextAsync())
            {
                var pieces = Take(_updates.Current);
                if (pieces.Count > 0)
                    return pieces;
            }
            _ended = true;
            if (_finish is not null || _model.Provider.BaseUrl is null)
                return _toolCalls.Count > 0 ? _toolCalls : null;
            _failure = Cut();
        }
        catch (Exception e)
        {
            // Whatever the reason looks like to the SDK: a caller who left gets no failure but the cancelling itself.
            _call.Caller.ThrowIfCancellationRequested();
            _ended = true;
            _failure = Understand(e);
        }
        return null;
    }

    /// <summary>How it ended, for settling. Call when reading is over.</summary>
    public CallOutcome ToOutcome() =>
        new()
        {
            Outcome =
                _failure is { } failure ? failure.Code
                : _ended ? CallOutcome.Completed
                : CallOutcome.Cancelled,
            Target = _model,
            Usage = Reported(),
            // Nothing was sent, or the provider refused before it worked.
            IsRefused = _failure is { Status: not null } or { IsTransient: true } && _written == 0,
            WrittenCharacters = _written,
            Attempts = _call.Attempts,
            FirstToken = _firstToken,
        };

    /// <summary>The terminal item.</summary>
    public ChatUpdate End(CallOutcome outcome, decimal? cost)
    {
        var spent =
            outcome.Usage
            ?? (outcome.IsRefused ? default : new CallUsage(Conversation.Characters(_query) / 4, (outcome.WrittenCharacters + 3) / 4));
        var usage = new TokenUsage
        {
            InputTokens = spent.Input,
            OutputTokens = spent.Output,
            CachedTokens = spent.CacheRead,
            ReasoningTokens = spent.Reasoning,
            Cost = cost,
        };
        if (_failure is { } failure)
            return new ChatUpdate.Failed(failure.Code, failure.Message, usage, failure.RetryAfterSeconds);
        return new ChatUpdate.Completed(_model.Id, _model.Provider.Name, FinishReason(), usage, _model.Facts.ContextWindow);
    }

    public async ValueTask DisposeAsync()
    {
        if (_updates is not null)
        {
            try
            {
                await _updates.DisposeAsync();
            }
            catch (Exception e) when (e is OperationCanceledException or IOException or ProviderException or ObjectDisposedException)
            {
                // The connection is being dropped; how the call ended is known already.
            }
        }
        _client?.Dispose();
        _http?.Dispose();
    }

    private IAsyncEnumerator<ChatResponseUpdate> Open()
    {
        _http = _transport.CreateClient(_call);
        _client = _model.Kind.CreateClient(_model.Provider, _model.Model, _model.Facts, _http);
        var options = new ChatOptions
        {
            ModelId = _model.Model,
            Temperature = _query.Options.Temperature,
            MaxOutputTokens = _query.Options.MaxOutputTokens,
            ResponseFormat = _query.Options.ResponseFormat,
            Tools = _query.Options.Tools.Count > 0 ? [.. _query.Options.Tools] : null,
        };
        return _client
            .GetStreamingResponseAsync(Conversation.Prepare(_query.Messages), options, _call.Token)
            .GetAsyncEnumerator(_call.Token);
    }

    private List<ChatUpdate> Take(ChatResponseUpdate update)
    {
        _finish ??= update.FinishReason;
        var pieces = new List<ChatUpdate>(1);
        foreach (var content in update.Contents)
        {
            switch (content)
            {
                case TextReasoningContent { Text.Length: > 0 } reasoning:
                    pieces.Add(new ChatUpdate.ReasoningDelta(reasoning.Text));
                    _written += reasoning.Text.Length;
                    break;
                case TextContent { Text.Length: > 0 } text:
                    pieces.Add(new ChatUpdate.TextDelta(text.Text));
                    _written += text.Text.Length;
                    break;
                case FunctionCallContent call:
                    var arguments = Arguments(call);
                    _written += call.Name.Length + arguments.Length;
                    _toolCalls.Add(new ChatUpdate.ToolCall(CallId(call), call.Name, arguments));
                    break;
                // A refusal is the model's own word to the user.
                case ErrorContent { Message.Length: > 0 } refusal:
                    pieces.Add(new ChatUpdate.TextDelta(refusal.Message));
                    _finish = ChatFinishReason.ContentFilter;
                    break;
                // Servers that report with every piece report the sum so far: the last one counts.
                case UsageContent usage:
                    _usage = usage.Details;
                    break;
            }
        }
        if (_firstToken is null && (pieces.Count > 0 || _toolCalls.Count > 0))
            _firstToken = _call.Time.GetElapsedTime(_started);
        return pieces;
    }

    private string CallId(FunctionCallContent call) =>
        string.IsNullOrEmpty(call.CallId) || _toolCalls.Exists(c => c is ChatUpdate.ToolCall t && t.ModelCallId == call.CallId)
            ? $"call_{Guid.NewGuid():N}"
            : call.CallId;

    private static string Arguments(FunctionCallContent call)
    {
        if (RawArguments.Of(call) is { } raw)
            return string.IsNullOrWhiteSpace(raw) ? "{}" : raw;
        return call.Arguments is null
            ? "{}"
            : JsonSerializer.Serialize(call.Arguments, AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(IDictionary<string, object?>)));
    }

    private CallUsage? Reported()
    {
        if (_usage is not { } reported || (reported.InputTokenCount is null && reported.OutputTokenCount is null))
            return null;
        long written = 0;
        // The name under which Anthropic's adapter reports it.
        reported.AdditionalCounts?.TryGetValue("CacheCreationInputTokens", out written);
        return new CallUsage(
            reported.InputTokenCount ?? 0,
            reported.OutputTokenCount ?? 0,
            reported.CachedInputTokenCount ?? 0,
            written,
            reported.ReasoningTokenCount ?? 0
        );
    }

    private string FinishReason()
    {
        if (_finish == ChatFinishReason.Length)
            return "length";
        if (_finish == ChatFinishReason.ContentFilter)
            return "content_filter";
        // Some servers say "stop" beside tool calls.
        return _toolCalls.Count > 0 ? "tool_calls" : "stop";
    }

    private ProviderException Cut() =>
        new(FailureCodes.ProviderError, $"The answer of {_model.Provider.Name} broke off before its end. Try again.");

    private ProviderException Understand(Exception exception)
    {
        if (ProviderException.In(exception) is { } ours)
            return ours;
        if (exception is OperationCanceledException)
            return _call.OverTime();
        // Parsers of three SDKs throw whatever they like at an answer that is none. Only the type is logged: the message may quote the answer.
        Unreadable(_model.Provider.Name, _model.Model, exception.GetType().Name);
        return new ProviderException(
            FailureCodes.ProviderError,
            $"{_model.Provider.Name} sent an answer that can not be read. Try again, or choose another model.",
            exception
        );
    }

    [LoggerMessage(4005, LogLevel.Warning, "The answer of {Provider} for model {Model} can not be read: {ExceptionType}")]
    private partial void Unreadable(string provider, string model, string exceptionType);
}
