using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using CodeLab.Client.SignIn;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;

namespace CodeLab.Client.Rest;

/// <summary>
/// The REST routes of a server that a client needs (protocol.md §3). Every call throws <see cref="ServerException"/> when the server
/// refuses, <see cref="ServerUnreachableException"/> when it does not answer, <see cref="NotSignedInException"/> without a sign-in.
/// </summary>
public sealed class ServerApi(HttpClient http, ServerAddress server, ITokenSource? tokens)
{
    /// <summary>Health; needs no sign-in. An unhealthy server answers too.</summary>
    public async Task<HealthBody> HealthAsync(CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, server.At("/health"));
        using var answer = await SendAsync(request, cancellationToken);
        if (answer.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable))
            throw await RefusalAsync(answer, cancellationToken);
        return await ReadAsync(answer, ProtocolJson.Default.HealthBody, cancellationToken);
    }

    /// <summary>The caller's sessions, newest activity first.</summary>
    public Task<SessionList> SessionsAsync(int limit = 50, int offset = 0, CancellationToken cancellationToken = default) =>
        GetAsync($"/api/v1/sessions?limit={limit}&offset={offset}", ProtocolJson.Default.SessionList, cancellationToken);

    /// <summary>One session.</summary>
    public Task<SessionDetail> SessionAsync(string sessionId, CancellationToken cancellationToken = default) =>
        GetAsync($"/api/v1/sessions/{Uri.EscapeDataString(sessionId)}", ProtocolJson.Default.SessionDetail, cancellationToken);

    /// <summary>Messages of a session.</summary>
    public Task<SessionHistory> HistoryAsync(string sessionId, CancellationToken cancellationToken = default) =>
        GetAsync($"/api/v1/sessions/{Uri.EscapeDataString(sessionId)}/history", ProtocolJson.Default.SessionHistory, cancellationToken);

    /// <summary>Approvals that wait in a session.</summary>
    public Task<PendingApprovalList> PendingApprovalsAsync(string sessionId, CancellationToken cancellationToken = default) =>
        GetAsync(
            $"/api/v1/sessions/{Uri.EscapeDataString(sessionId)}/pending-approvals",
            ProtocolJson.Default.PendingApprovalList,
            cancellationToken
        );

    /// <summary>Changes title, description or model of a session.</summary>
    public async Task UpdateSessionAsync(string sessionId, UpdateSessionBody body, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Patch, server.At($"/api/v1/sessions/{Uri.EscapeDataString(sessionId)}"));
        request.Content = JsonContent.Create(body, ProtocolJson.Default.UpdateSessionBody);
        using var answer = await SendSignedAsync(request, cancellationToken);
    }

    /// <summary>Writes a session as JSON Lines, as the server reads it from its log.</summary>
    public async Task ExportAsync(string sessionId, Stream into, CancellationToken cancellationToken = default)
    {
        var path = $"/api/v1/sessions/{Uri.EscapeDataString(sessionId)}/export";
        using var request = new HttpRequestMessage(HttpMethod.Get, server.At(path));
        using var answer = await SendSignedAsync(request, cancellationToken, HttpCompletionOption.ResponseHeadersRead);
        try
        {
            await answer.Content.CopyToAsync(into, cancellationToken);
        }
        catch (HttpRequestException fault)
        {
            throw new ServerUnreachableException(server.Text, fault);
        }
    }

    /// <summary>Makes a session of an exported one.</summary>
    public async Task<SessionInfo> ImportAsync(Stream lines, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, server.At("/api/v1/sessions/import"));
        request.Content = new StreamContent(lines);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/jsonl");
        using var answer = await SendSignedAsync(request, cancellationToken);
        return await ReadAsync(answer, ProtocolJson.Default.SessionInfo, cancellationToken);
    }

    /// <summary>Makes a session that shares the events of another up to one of them.</summary>
    public async Task<SessionInfo> ForkAsync(string sessionId, ForkSessionBody body, CancellationToken cancellationToken = default)
    {
        var path = $"/api/v1/sessions/{Uri.EscapeDataString(sessionId)}/fork";
        using var request = new HttpRequestMessage(HttpMethod.Post, server.At(path));
        request.Content = JsonContent.Create(body, ProtocolJson.Default.ForkSessionBody);
        using var answer = await SendSignedAsync(request, cancellationToken);
        return await ReadAsync(answer, ProtocolJson.Default.SessionInfo, cancellationToken);
    }

    /// <summary>Plays a session once more and tells the first difference.</summary>
    public async Task<RerunAnswer> RerunAsync(string sessionId, RerunBody body, CancellationToken cancellationToken = default)
    {
        var path = $"/api/v1/sessions/{Uri.EscapeDataString(sessionId)}/rerun";
        using var request = new HttpRequestMessage(HttpMethod.Post, server.At(path));
        request.Content = JsonContent.Create(body, ProtocolJson.Default.RerunBody);
        using var answer = await SendSignedAsync(request, cancellationToken);
        return await ReadAsync(answer, ProtocolJson.Default.RerunAnswer, cancellationToken);
    }

    /// <summary>The agents.</summary>
    public Task<AgentList> AgentsAsync(CancellationToken cancellationToken = default) =>
        GetAsync("/api/v1/agents", ProtocolJson.Default.AgentList, cancellationToken);

    /// <summary>The models the caller may use.</summary>
    public Task<ModelList> ModelsAsync(CancellationToken cancellationToken = default) =>
        GetAsync("/api/v1/models", ProtocolJson.Default.ModelList, cancellationToken);

    private async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, server.At(path));
        using var answer = await SendSignedAsync(request, cancellationToken);
        return await ReadAsync(answer, type, cancellationToken);
    }

    private async Task<HttpResponseMessage> SendSignedAsync(
        HttpRequestMessage request,
        CancellationToken cancellationToken,
        HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead
    )
    {
        var source = tokens ?? throw new NotSignedInException(server.Text, $"Not signed in to {server}.");
        var token = await source.GetAsync(cancellationToken);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        var answer = await SendAsync(request, cancellationToken, completion);
        if (answer.IsSuccessStatusCode)
            return answer;
        using (answer)
        {
            if (answer.StatusCode == HttpStatusCode.Unauthorized)
                source.Refused(token);
            throw await RefusalAsync(answer, cancellationToken);
        }
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request,
        CancellationToken cancellationToken,
        HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead
    )
    {
        try
        {
            return await http.SendAsync(request, completion, cancellationToken);
        }
        catch (HttpRequestException fault)
        {
            throw new ServerUnreachableException(server.Text, fault);
        }
        catch (TaskCanceledException fault) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ServerUnreachableException(server.Text, fault);
        }
    }

    private async Task<T> ReadAsync<T>(HttpResponseMessage answer, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        try
        {
            return await answer.Content.ReadFromJsonAsync(type, cancellationToken) ?? throw NotOurs(null);
        }
        catch (JsonException fault)
        {
            throw NotOurs(fault);
        }
    }

    private ServerException NotOurs(JsonException? fault) =>
        new("INVALID_ANSWER", $"{server} did not answer like a CodeLab server{(fault is null ? "" : $" ({fault.Message})")}.");

    private async Task<Exception> RefusalAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        var status = (int)answer.StatusCode;
        ErrorBody? body = null;
        try
        {
            body = await answer.Content.ReadFromJsonAsync(ProtocolJson.Default.ErrorBody, cancellationToken);
        }
        catch (JsonException)
        {
            // Not our error body (a proxy, another program): the status below says what there is to say.
        }
        if (answer.StatusCode == HttpStatusCode.Unauthorized)
            return new NotSignedInException(server.Text, body?.Message ?? $"{server} refused the sign-in.");
        return new ServerException(body?.ErrorCode ?? $"HTTP_{status}", body?.Message ?? $"{server} answered {status}.", status);
    }
}
