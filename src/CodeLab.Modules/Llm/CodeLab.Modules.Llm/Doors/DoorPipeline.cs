using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.PassThrough;
using CodeLab.Modules.Llm.Providers;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Translation;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Llm.Doors;

/// <summary>
/// The way of every call through a door: read, admit, try, hand on, settle. The body stays in the connection's own buffers until the call is over,
/// so that a second try can send it again and nothing has to be copied.
/// </summary>
internal sealed partial class DoorPipeline(
    ICallGate gate,
    ICallRouter router,
    PassThroughCalls passThrough,
    TranslatedCalls translation,
    TimeProvider time,
    ILogger<DoorPipeline> logger
)
{
    private const string CacheHeader = "x-codelab-cache";
    private static readonly TimeSpan _askAgainAfter = TimeSpan.FromMinutes(10);

    // A provider that was changed is another object, and is asked anew.
    private readonly ConditionalWeakTable<ProviderSettings, object> _withoutResponses = [];

    public async Task RunAsync(HttpContext http, DoorShape shape)
    {
        var call = new DoorCall(http, shape, time, time.GetTimestamp());
        var reader = http.Request.BodyReader;
        try
        {
            if (await ReadBodyAsync(call, reader))
                await AdmitAsync(call);
        }
        finally
        {
            // The call is settled: nobody looks at the body any more. Nothing was read when the caller left before.
            if (call.HoldsBody)
                reader.AdvanceTo(call.Body.End);
        }
    }

    private static async ValueTask<bool> ReadBodyAsync(DoorCall call, PipeReader reader)
    {
        try
        {
            while (true)
            {
                var result = await reader.ReadAsync(call.Http.RequestAborted);
                call.Body = result.Buffer;
                call.HoldsBody = true;
                if (result.IsCompleted)
                    break;
                reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
                call.HoldsBody = false;
            }
        }
        catch (BadHttpRequestException bad)
        {
            var error =
                bad.StatusCode == StatusCodes.Status413PayloadTooLarge
                    ? new DoorError(
                        FailureCodes.ContextTooLarge,
                        "The request is larger than this server takes. Leave out large attachments.",
                        413
                    )
                    : DoorError.Invalid("The request can not be read.") with
                    {
                        Status = bad.StatusCode,
                    };
            await call.Shape.RefuseAsync(call.Http, error);
            return false;
        }
        var fault = RequestScan.TryRead(call.Body, out var scan);
        if (fault is not null)
        {
            await call.Shape.RefuseAsync(call.Http, DoorError.Invalid(fault));
            return false;
        }
        call.Scan = scan;
        call.Streams = call.Shape.Kind == CallKind.Chat && (scan.Stream ?? call.Shape.StreamsUnasked);
        return true;
    }

    private async ValueTask AdmitAsync(DoorCall call)
    {
        var request = ToRequest(call);
        var admitted = await gate.AdmitAsync(request, call.Http.RequestAborted);
        DoorCall.WriteLimit(call.Http.Response.Headers, request.Limit);
        if (admitted.Error is { } refused)
        {
            await call.Shape.RefuseAsync(call.Http, DoorError.From(refused));
            return;
        }
        call.Admission = admitted.Value!;
        var run = new DoorRun(call);
        try
        {
            if (call.Admission.Cached is { } cached)
                await call.AnswerAsync(cached);
            else
                await run.AnswerAsync(router, this);
            run.Outcome = CallOutcome.Completed;
        }
        catch (ProviderException failure)
        {
            run.Fail(failure);
            CallFailed(failure.Target?.Provider.Name, failure.Code, failure.Status ?? 0, failure.Attempts);
            await TellAsync(call, DoorError.From(failure));
        }
        catch (RequestFault fault)
        {
            run.Refuse(FailureCodes.InvalidRequest);
            await TellAsync(call, DoorError.Invalid(fault.Message));
        }
        finally
        {
            run.Dispose();
            // Charged, even if the caller has left; after the answer, so that nobody waits for the ledger.
            await call.Admission.SettleAsync(run.ToOutcome());
        }
    }

    /// <summary>One try.</summary>
    internal ValueTask<StartedAnswer> StartAsync(DoorCall call, CallTarget target)
    {
        call.Asked = target;
        call.Attempts++;
        var dialect = call.Shape.Dialect;
        if (target.Kind.Wire is not { } wire || !wire.Speaks(target.Provider, dialect))
            return call.Shape.TranslateAsync(translation, call, target);
        return dialect != CallDialect.OpenAiResponses ? passThrough.StartAsync(call, target)
            : WithoutResponses(target) ? call.Shape.TranslateAsync(translation, call, target)
            : StartResponsesAsync(call, target);
    }

    /// <summary>Many compatible servers have no Responses: the first 404 tells, and the call goes on in Chat.</summary>
    private async ValueTask<StartedAnswer> StartResponsesAsync(DoorCall call, CallTarget target)
    {
        try
        {
            return await passThrough.StartAsync(call, target);
        }
        catch (ProviderException failure) when (failure is { Status: 404 or 405, Code: FailureCodes.ProviderError })
        {
            _withoutResponses.AddOrUpdate(target.Provider, time.GetUtcNow());
            return await call.Shape.TranslateAsync(translation, call, target);
        }
    }

    private bool WithoutResponses(CallTarget target) =>
        _withoutResponses.TryGetValue(target.Provider, out var at) && time.GetUtcNow() - (DateTimeOffset)at < _askAgainAfter;

    private static async ValueTask TellAsync(DoorCall call, DoorError error)
    {
        var response = call.Http.Response;
        if (!call.HasBegun)
        {
            await call.Shape.RefuseAsync(call.Http, error);
            return;
        }
        if (!call.Streams)
        {
            // Half an answer is out; only a broken connection tells that the rest is missing.
            call.Http.Abort();
            return;
        }
        call.Shape.WriteErrorEvent(response.BodyWriter, error, call.Http.TraceIdentifier);
        await response.BodyWriter.FlushAsync(call.Http.RequestAborted);
    }

    private static CallRequest ToRequest(DoorCall call)
    {
        var user = call.Http.User;
        return new CallRequest
        {
            Caller = new CallCaller(user.GetUserId()) { KeyId = user.FindFirstValue("key_id"), Roles = user.GetRoles() },
            Dialect = call.Shape.Dialect,
            Kind = call.Shape.Kind,
            Model = call.Scan.Model,
            Stream = call.Streams,
            EstimatedInputTokens = call.Body.Length / 4,
            MaxOutputTokens = call.Scan.MaxOutputTokens,
            Temperature = call.Scan.Temperature,
            HasTools = call.Scan.HasTools,
            CacheWish = call.Http.Request.Headers[CacheHeader].ToString() switch
            {
                "on" => CacheWish.On,
                "off" => CacheWish.Off,
                _ => CacheWish.Unsaid,
            },
            Body = call.Body,
            StartedAt = call.Started,
        };
    }

    [LoggerMessage(4011, LogLevel.Warning, "A call to {Provider} failed with {Code} (status {Status}) after {Attempts} attempts")]
    private partial void CallFailed(string? provider, string code, int status, int attempts);
}
