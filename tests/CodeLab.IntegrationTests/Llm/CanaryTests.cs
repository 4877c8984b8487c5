using System.Net.Http.Headers;
using System.Text;
using CodeLab.FakeLlm;
using Xunit;

namespace CodeLab.IntegrationTests.Llm;

/// <summary>Secrets and contents go every way through the doors and are found nowhere afterwards (security.md G9).</summary>
public sealed class CanaryTests
{
    private static readonly string[] _names =
    [
        "provider-key",
        "stored-key",
        "bearer",
        "prompt",
        "system",
        "tool-text",
        "tool-arguments",
        "tool-result",
        "upstream-error",
        "upstream-answer",
        "query",
        "header",
        "api-base",
    ];

    private static readonly Dictionary<string, string> _canaries = _names.ToDictionary(
        n => n,
        n => $"canary{n.Replace("-", "", StringComparison.Ordinal)}7Qx{Guid.NewGuid():N}",
        StringComparer.Ordinal
    );

    [Fact]
    public async Task No_canary_is_found_in_logs_metrics_audit_errors_or_the_database()
    {
        await using var server = await LlmServer.StartAsync(
            ("OPENAI_API_KEY", "sk-" + _canaries["provider-key"]),
            ("CodeLab__Logging__Level", "Debug")
        );
        using var client = await server.SignInAsync();
        var told = new StringBuilder();
        await SendAsync(
            client,
            "/api/v1/admin/providers",
            $$"""{"name":"work","kind":"openai","base_url":"{{server.Fake.OpenAiBaseUrl}}","allow_private_network":true,"api_key":"sk-{{_canaries["stored-key"]}}"}""",
            told,
            all: true
        );
        foreach (var model in (string[])["openai/fake-model", "work/fake-model"])
        {
            foreach (var stream in (string[])["true", "false"])
            {
                server.Fake.Reply(script => script.Text("Answer " + _canaries["upstream-answer"]));
                await SendAsync(client, "/v1/chat/completions", Chat(model, stream), told);
                await SendAsync(client, "/v1/messages", Messages(model, stream), told);
                server.Fake.Reply(script => script.Text("x").Fails(Fault.Http(500, body: Error())));
                await SendAsync(client, "/v1/chat/completions", Chat(model, stream), told);
                server.Fake.Reply(script => script.Text("x").Fails(Fault.Http(400, body: Error())));
                await SendAsync(client, "/v1/messages", Messages(model, stream), told);
                server.Fake.Reply(script => script.Text("One two three four five six").DeltaSize(3).Fails(Fault.Cut(2)));
                await SendAsync(client, "/v1/chat/completions", Chat(model, stream), told);
            }
        }
        await SendAsync(
            client,
            "/v1/chat/completions?key=" + _canaries["query"],
            $$"""{"model":"m","api_base":"http://{{_canaries["api-base"]}}"}""",
            told
        );
        using var stranger = server.Host.CreateClient();
        stranger.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "clk_" + _canaries["bearer"]);
        stranger.DefaultRequestHeaders.Add("x-custom", _canaries["header"]);
        await SendAsync(stranger, "/v1/chat/completions", Chat("openai/fake-model", "false"), told);
        await SendAsync(client, "/api/v1/admin/providers/openai/test", "{}", told, all: true);
        told.Append(await ReadAsync(client, "/api/v1/admin/providers"));
        told.Append(await ReadAsync(client, "/metrics")).Append(await ReadAsync(client, "/api/v1/admin/audit"));
        told.Append(await ReadAsync(client, "/api/v1/usage/calls.csv")).Append(await ReadAsync(client, "/api/v1/admin/egress"));
        Assert.Contains(server.Fake.Requests, r => r.ApiKey == "sk-" + _canaries["provider-key"]);
        Assert.Contains(server.Fake.Requests, r => r.ApiKey == "sk-" + _canaries["stored-key"]);
        Assert.Contains(server.Fake.Requests, r => r.BodyText.Contains(_canaries["tool-arguments"], StringComparison.Ordinal));

        await server.Host.StopAsync(TestContext.Current.CancellationToken);

        told.Append(server.Host.Process.Output).Append(server.Host.Process.Errors);
        foreach (var file in Directory.EnumerateFiles(server.Host.DataDirectory, "*", SearchOption.AllDirectories))
            told.Append(Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken)));
        var all = told.ToString();
        Assert.Contains("fake-model", all, StringComparison.Ordinal);
        Assert.All(_canaries, canary => Assert.False(all.Contains(canary.Value, StringComparison.Ordinal), canary.Key + " was found"));
    }

    private static string Error() =>
        $$$"""{"error":{"message":"{{{_canaries["upstream-error"]}}}","code":"{{{_canaries["upstream-error"]}}}"}}""";

    private static string Chat(string model, string stream) =>
        $$$"""
            {"model":"{{{model}}}","stream":{{{stream}}},"max_tokens":50,"messages":[
            {"role":"system","content":"{{{_canaries["system"]}}}"},{"role":"user","content":"{{{_canaries["prompt"]}}}"},
            {"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"get","arguments":"{\"a\":\"{{{_canaries[
                "tool-arguments"
            ]}}}\"}"}}]},
            {"role":"tool","tool_call_id":"call_1","content":"{{{_canaries["tool-result"]}}}"}],
            "tools":[{"type":"function","function":{"name":"get","description":"{{{_canaries[
                "tool-text"
            ]}}}","parameters":{"type":"object","properties":{"a":{"type":"string"}} } } }]}
            """;

    private static string Messages(string model, string stream) =>
        $$$"""
            {"model":"{{{model}}}","stream":{{{stream}}},"max_tokens":50,"system":"{{{_canaries[
                "system"
            ]}}}","messages":[{"role":"user","content":"{{{_canaries["prompt"]}}}"},
            {"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"get","input":{"a":"{{{_canaries[
                "tool-arguments"
            ]}}}"}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"{{{_canaries["tool-result"]}}}"}]}],
            "tools":[{"name":"get","description":"{{{_canaries[
                "tool-text"
            ]}}}","input_schema":{"type":"object","properties":{"a":{"type":"string"} } }]}
            """;

    // A good answer may of course hold what the model said; a failed one, or the end of a stream that failed, may not hold why.
    private static async Task SendAsync(HttpClient client, string path, string json, StringBuilder told, bool all = false)
    {
        using var content = LlmServer.Json(json);
        using var response = await client.PostAsync(new Uri(path, UriKind.Relative), content);
        string body;
        try
        {
            body = await response.Content.ReadAsStringAsync();
        }
        catch (HttpRequestException)
        {
            // A cut answer that was not streamed ends in a broken connection.
            return;
        }
        if (all || !response.IsSuccessStatusCode)
            told.Append(body);
        else
            told.Append(body.Replace(_canaries["upstream-answer"], "", StringComparison.Ordinal));
        told.Append(response.Headers);
    }

    private static async Task<string> ReadAsync(HttpClient client, string path)
    {
        using var response = await client.GetAsync(new Uri(path, UriKind.Relative));
        return await response.Content.ReadAsStringAsync();
    }
}
