using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Modules.Gateway.Sessions;
using CodeLab.Protocol.Hub;
using MediatR;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace CodeLab.Modules.Gateway.Follow;

/// <summary>Attaches a request to a session and sends it events until either side ends it.</summary>
internal sealed class SessionFollower(ISender sender, SessionFanout fanout, LiveDoor door, LiveAudit audit, Delivery delivery)
{
    private static readonly ClientInfo _client = new() { Name = "events" };

    /// <summary>Follows a session.</summary>
    /// <param name="http">The request.</param>
    /// <param name="sessionId">The session.</param>
    /// <param name="form">What is shown.</param>
    /// <param name="from">Where to begin; null = now.</param>
    /// <param name="begin">Done once the session is watched and before anything is sent; an error ends it as a plain answer.</param>
    public async Task<Error?> RunAsync(
        HttpContext http,
        string sessionId,
        FollowForm form,
        FollowPosition? from,
        Func<Task<Error?>>? begin = null
    )
    {
        var user = LiveUser.Of(http.User);
        if (await door.RefuseAsync(http, user.UserId, hasCredentials: true, resuming: from?.Seq > 0) is { } refused)
            return refused;
        var expires = http.Features.Get<IAuthenticateResultFeature>()?.AuthenticateResult?.Properties?.ExpiresUtc;
        var connection = new FollowConnection($"events-{Guid.NewGuid():N}", user, sessionId, expires, http, form, delivery);
        var caller = http.User.ToCaller("rest", connection.Id);
        fanout.Add(connection);
        delivery.Metrics.Connected("events");
        using var told = audit.Open(connection, "events", sessionId, http);
        try
        {
            var subscription = fanout.BeginAttach(connection, sessionId);
            var request = new AttachRequest
            {
                SessionId = sessionId,
                LastSeq = from?.Seq,
                Client = _client,
            };
            var answer = await sender.Send(
                new AttachSessionCommand(caller, request) { Create = false, Replay = from is not null },
                http.RequestAborted
            );
            if (answer.Error is { } unknown)
                return unknown;
            if (begin is not null && await begin() is { } error)
                return error;
            await StartAsync(http.Response);
            connection.StartAt(
                from is null ? answer.Value!.LastSeq
                : answer.Value!.Resync ? 0
                : from.Value.Seq
            );
            var first = form == FollowForm.Answer ? [] : FollowReplay.Frames(answer.Value, from ?? default);
            connection.GoLive(sessionId, subscription, answer.Value, first);
            if (from?.Seq > 0)
                delivery.Metrics.Resumed();
            await connection.Ended.WaitAsync(http.RequestAborted);
            return null;
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested && http.Response.HasStarted)
        {
            // The reader left, as readers do.
            return null;
        }
        finally
        {
            if (fanout.Remove(connection.Id))
                delivery.Metrics.Disconnected("events");
            await connection.SettleAsync();
            // The request is over, and with it its token: the session must hear of it nevertheless.
            await sender.Send(new DetachSessionCommand(caller, null), CancellationToken.None);
        }
    }

    private static Task StartAsync(HttpResponse response)
    {
        response.ContentType = "text/event-stream";
        // Proxies that hold answers back would hold the frames back.
        response.Headers["X-Accel-Buffering"] = "no";
        response.Headers.CacheControl = "no-store";
        response.HttpContext.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        return response.StartAsync(response.HttpContext.RequestAborted);
    }
}
