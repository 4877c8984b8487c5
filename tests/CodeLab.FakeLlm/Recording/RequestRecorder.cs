using System.Text.Json;
using Microsoft.AspNetCore.Connections;

namespace CodeLab.FakeLlm;

/// <summary>Middleware: records each request and how it ended, and asks for the key.</summary>
internal sealed class RequestRecorder(FakeLlmState state)
{
    private const string OutcomeItem = "outcome";

    public static RecordedRequest Of(HttpContext http) => (RecordedRequest)http.Items[typeof(RecordedRequest)]!;

    public static void SetOutcome(HttpContext http, RequestOutcome outcome) => http.Items[OutcomeItem] = outcome;

    public async Task InvokeAsync(HttpContext http, RequestDelegate next)
    {
        if (http.Request.Path.StartsWithSegments("/_fake"))
        {
            await next(http);
            return;
        }

        RecordedRequest? record = null;
        try
        {
            record = await ReadAsync(http);
            http.Items[typeof(RecordedRequest)] = record;
            // Before the first byte leaves, so that a test that has the answer finds it recorded.
            http.Response.OnStarting(() =>
            {
                record.Status = http.Response.StatusCode;
                state.Log.Add(record);
                return Task.CompletedTask;
            });
            if (state.Options.RequireKey is { } key && record.ApiKey != key)
                await RefuseKeyAsync(http);
            else
                await next(http);

            record.Status = http.Response.StatusCode;
            state.Log.Add(record);
            state.Log.End(record, http.Items[OutcomeItem] as RequestOutcome? ?? RequestOutcome.Completed);
        }
        catch (ConnectionCutException) when (record is not null)
        {
            record.Status = http.Response.StatusCode;
            state.Log.End(record, RequestOutcome.Cut);
            throw;
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ConnectionResetException)
        {
            if (record is null)
                return;
            record.Status = http.Response.HasStarted ? http.Response.StatusCode : 0;
            state.Log.Add(record);
            state.Log.End(record, state.Stopping.IsCancellationRequested ? RequestOutcome.Stopped : RequestOutcome.ClientLeft);
            http.Abort();
        }
        catch (Exception e) when (record is not null)
        {
            record.Failure = e.ToString();
            record.Status = 500;
            state.Log.Add(record);
            state.Log.End(record, RequestOutcome.Failed);
            if (http.Response.HasStarted)
                http.Abort();
            else
                await FakeLlmState.AnswerAsync(http, 500, $"The fake model server failed: {e}", "text/plain");
        }
    }

    private async Task<RecordedRequest> ReadAsync(HttpContext http)
    {
        var request = http.Request;
        using var reader = new StreamReader(request.Body);
        var text = await reader.ReadToEndAsync(http.RequestAborted);
        return new RecordedRequest(
            state.Log.NextNumber(),
            state.Options.Time.GetUtcNow(),
            request.Method,
            request.Path.Value ?? "/",
            request.QueryString.Value ?? ""
        )
        {
            Headers = request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase),
            BodyText = text,
            Body = ParseBody(text),
            ApiKey = KeyOf(request),
        };
    }

    private static JsonElement ParseBody(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return default; // a body that is no JSON is recorded as text, and refused by the endpoint that needs JSON
        }
    }

    private static string? KeyOf(HttpRequest request)
    {
        var authorization = request.Headers.Authorization.ToString();
        if (authorization.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
            return authorization["Bearer ".Length..].Trim();
        if (request.Headers.TryGetValue("x-api-key", out var key))
            return key.ToString();
        return request.Headers.TryGetValue("api-key", out var azure) ? azure.ToString() : null;
    }

    private static Task RefuseKeyAsync(HttpContext http)
    {
        var path = http.Request.Path.Value ?? "";
        var body = path switch
        {
            _ when path.StartsWith("/api/", StringComparison.Ordinal) => OllamaChat.Error("unauthorized"),
            _ when AnthropicEndpoints.IsAnthropic(http.Request) => AnthropicMessages.Error(401, "invalid x-api-key"),
            _ => OpenAiChat.Error(401, "Incorrect API key provided."),
        };
        return FakeLlmState.AnswerAsync(http, 401, body);
    }
}
