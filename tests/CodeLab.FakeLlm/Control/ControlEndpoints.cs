using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CodeLab.FakeLlm;

/// <summary>Paths under <c>/_fake</c>, by which a test in another process drives the server. They ask for no key and are not recorded.</summary>
internal static class ControlEndpoints
{
    public static void Map(WebApplication app, FakeLlmState state)
    {
        var group = app.MapGroup("/_fake");
        group.MapGet("/", http => FakeLlmState.AnswerAsync(http, 200, "{\"status\":\"ok\"}"));
        group.MapGet("/requests", http => ListAsync(http, state));
        group.MapPost("/script", http => LoadAsync(http, state));
        group.MapPost("/use/{name}", http => DoAsync(http, () => state.Book.Use(Value(http, "name"))));
        group.MapPost("/reset", http => DoAsync(http, state.Reset));
        group.MapPost("/release/{gate}", http => DoAsync(http, () => state.Gates.Release(Value(http, "gate"))));
        group.MapPost("/hold/{gate}", http => DoAsync(http, () => state.Gates.Close(Value(http, "gate"))));
        group.MapPost(
            "/route/{agent}",
            http => DoAsync(http, () => state.Book.Route = Value(http, "agent") is "off" ? null : Value(http, "agent"))
        );
        group.MapGet("/gates/{gate}", http => AwaitGateAsync(http, state));
    }

    /// <summary>All requests; <c>?chat=true</c> only chat requests that are no routing calls.</summary>
    private static Task ListAsync(HttpContext http, FakeLlmState state)
    {
        var wanted = http.Request.Query["chat"] == "true" ? state.Log.All.Where(r => r.Chat is { IsRouting: false }) : state.Log.All;
        return FakeLlmState.AnswerAsync(
            http,
            200,
            JsonSerializer.Serialize(new { requests = wanted.Select(RequestLog.Describe).ToList() }, ScriptFile.Options)
        );
    }

    /// <summary>Loads scripts; one without name, or the first with <c>?default=true</c>, becomes the default. 400 tells what is wrong with it.</summary>
    private static async Task LoadAsync(HttpContext http, FakeLlmState state)
    {
        using var reader = new StreamReader(http.Request.Body);
        var asDefault = http.Request.Query["default"] == "true";
        try
        {
            foreach (var script in ScriptFile.Parse(await reader.ReadToEndAsync(http.RequestAborted)))
            {
                state.Book.Add(script, asDefault);
                asDefault = false;
            }

            await FakeLlmState.AnswerAsync(http, 200, "{\"status\":\"loaded\"}");
        }
        catch (JsonException e)
        {
            await RefuseAsync(http, e.Message);
        }
    }

    /// <summary>Answers when <c>?count=N</c> (default 1) answers have come to the gate, or 408 after <c>?timeout=SECONDS</c> (default 60).</summary>
    private static async Task AwaitGateAsync(HttpContext http, FakeLlmState state)
    {
        var count = int.Parse(http.Request.Query["count"].FirstOrDefault() ?? "1", CultureInfo.InvariantCulture);
        var seconds = double.Parse(http.Request.Query["timeout"].FirstOrDefault() ?? "60", CultureInfo.InvariantCulture);
        try
        {
            await state.Gates.ReachedAsync(Value(http, "gate"), count).WaitAsync(TimeSpan.FromSeconds(seconds), http.RequestAborted);
            await FakeLlmState.AnswerAsync(http, 200, "{\"status\":\"reached\"}");
        }
        catch (TimeoutException)
        {
            await FakeLlmState.AnswerAsync(http, 408, "{\"status\":\"not_reached\"}");
        }
    }

    private static string Value(HttpContext http, string name) => (string)http.Request.RouteValues[name]!;

    private static async Task DoAsync(HttpContext http, Action action)
    {
        try
        {
            action();
            await FakeLlmState.AnswerAsync(http, 200, "{\"status\":\"ok\"}");
        }
        catch (ArgumentException e)
        {
            await RefuseAsync(http, e.Message);
        }
    }

    private static Task RefuseAsync(HttpContext http, string message) =>
        FakeLlmState.AnswerAsync(http, 400, Json.Write(new JsonObject { ["error"] = message }));
}
