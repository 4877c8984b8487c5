using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using CodeLab.FakeLlm;
using OllamaSharp;
using Xunit;

namespace CodeLab.UnitTests.FakeLlm;

/// <summary>Models, embeddings, token counts, and the control of the server from another process.</summary>
public sealed class OtherEndpointTests : IAsyncLifetime
{
    private readonly HttpClient _http = new();
    private readonly string _log = Path.Combine(Path.GetTempPath(), $"fake-llm-{Guid.NewGuid():N}.ndjson");
    private FakeLlmServer _fake = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _fake = await FakeLlmServer.StartAsync(new FakeLlmOptions { Models = ["big", "org/small:1"], LogPath = _log }, Cancel);
        _http.BaseAddress = _fake.BaseAddress;
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _fake.DisposeAsync();
        File.Delete(_log);
    }

    [Fact]
    public async Task Every_dialect_lists_the_models()
    {
        using var ollama = new OllamaApiClient(new Uri(_fake.OllamaBaseUrl));
        var openAi = await Clients.OpenAi(_fake).GetOpenAIModelClient().GetModelsAsync(Cancel);
        var one = await Clients.OpenAi(_fake).GetOpenAIModelClient().GetModelAsync("big", Cancel);
        var claude = await Clients.Claude(_fake).Models.List(cancellationToken: Cancel);
        var local = await ollama.ListLocalModelsAsync(Cancel);
        var shown = await ollama.ShowModelAsync(new OllamaSharp.Models.ShowModelRequest { Model = "big" }, Cancel);

        Assert.Equal(["big", "org/small:1"], openAi.Value.Select(m => m.Id));
        Assert.Equal("big", one.Value.Id);
        Assert.Equal(["big", "org/small:1"], claude.Items.Select(m => m.ID));
        Assert.Equal(["big", "org/small:1"], local.Select(m => m.Name));
        Assert.Contains("tools", shown.Capabilities!);
        Assert.True(await ollama.IsRunningAsync(Cancel));
        Assert.NotEmpty((await ollama.GetVersionAsync(Cancel)).ToString());
    }

    [Fact]
    public async Task Embeddings_depend_on_the_text_alone()
    {
        var client = Clients.OpenAi(_fake).GetEmbeddingClient("embedder");
        using var ollama = new OllamaApiClient(new Uri(_fake.OllamaBaseUrl), "embedder");

        var two = await client.GenerateEmbeddingsAsync(["alpha", "beta"], cancellationToken: Cancel);
        var again = await client.GenerateEmbeddingAsync("alpha", cancellationToken: Cancel);
        var local = await ollama.EmbedAsync(new OllamaSharp.Models.EmbedRequest { Model = "embedder", Input = ["alpha"] }, Cancel);

        Assert.Equal(two.Value[0].ToFloats().ToArray(), again.Value.ToFloats().ToArray());
        Assert.NotEqual(two.Value[0].ToFloats().ToArray(), two.Value[1].ToFloats().ToArray());
        Assert.Equal(1.0, Math.Sqrt(again.Value.ToFloats().ToArray().Sum(v => (double)v * v)), 4);
        Assert.Equal(again.Value.ToFloats().ToArray(), local.Embeddings[0]);
    }

    [Theory]
    [InlineData("x-api-key", "2023-06-01")]
    [InlineData("Authorization", "2026-10-21")]
    public async Task Tokens_are_counted_for_either_key_header_and_any_version(string header, string version)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages/count_tokens")
        {
            Content = JsonContent.Create(new { model = "big", messages = new[] { new { role = "user", content = "0123456789ABCDEF" } } }),
        };
        request.Headers.Add(header, header == "Authorization" ? "Bearer k" : "k");
        request.Headers.Add("anthropic-version", version);

        using var response = await _http.SendAsync(request, Cancel);

        Assert.Equal("""{"input_tokens":4}""", await response.Content.ReadAsStringAsync(Cancel));
        Assert.Equal("k", _fake.Requests[^1].ApiKey);
    }

    [Fact]
    public async Task Another_process_loads_a_script_waits_at_a_gate_and_reads_the_requests()
    {
        await PostAsync("/_fake/script", """{ "replies": [ { "text": "Loaded.", "holds": [ { "gate": "g" } ] } ] }""");

        var asking = _http.PostAsync("/v1/chat/completions", Body("""{"model":"m","messages":[{"role":"user","content":"Hi"}]}"""), Cancel);
        using var reached = await _http.GetAsync("/_fake/gates/g", Cancel);
        var early = asking.IsCompleted;
        await PostAsync("/_fake/release/g", "");
        using var answer = await asking;
        var requests = await _http.GetFromJsonAsync<JsonElement>("/_fake/requests", Cancel);
        await PostAsync("/_fake/reset", "");

        Assert.Equal(HttpStatusCode.OK, reached.StatusCode);
        Assert.False(early);
        Assert.Contains("Loaded.", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        var request = Assert.Single(requests.GetProperty("requests").EnumerateArray());
        Assert.Equal("Hi", request.GetProperty("messages")[0].GetProperty("text").GetString());
        Assert.Empty(_fake.Requests);
    }

    [Fact]
    public async Task A_bad_script_and_an_unreached_gate_are_told()
    {
        using var bad = await _http.PostAsync("/_fake/script", Body("""{ "replys": [] }"""), Cancel);
        using var never = await _http.GetAsync("/_fake/gates/never?timeout=0.05", Cancel);

        Assert.Equal(HttpStatusCode.BadRequest, bad.StatusCode);
        Assert.Contains("replys", await bad.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.RequestTimeout, never.StatusCode);
    }

    [Fact]
    public async Task The_log_holds_a_line_when_a_request_comes_and_one_when_it_ends()
    {
        _fake.Reply(script => script.Text("Hi."));
        await PostAsync("/v1/chat/completions", """{"model":"m","messages":[{"role":"user","content":"Hi"}]}""");
        await _fake.LastRequest.Ended.WaitAsync(Cancel);

        await _fake.DisposeAsync();

        var lines = (await File.ReadAllLinesAsync(_log, Cancel)).Select(l => JsonDocument.Parse(l).RootElement).ToList();
        Assert.Equal(["request", "ended"], lines.Select(l => l.GetProperty("entry").GetString()));
        Assert.Equal("m", lines[0].GetProperty("request").GetProperty("model").GetString());
        Assert.Equal("completed", lines[1].GetProperty("outcome").GetString());
    }

    [Fact]
    public async Task Azure_paths_name_the_model_as_deployment()
    {
        _fake.Reply(script => script.Text("From Azure."));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/openai/deployments/gpt-x/chat/completions?api-version=2024-10-21")
        {
            Content = Body("""{"messages":[{"role":"user","content":"Hi"}]}"""),
        };
        request.Headers.Add("api-key", "azure");

        using var response = await _http.SendAsync(request, Cancel);

        Assert.Contains("From Azure.", await response.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        Assert.Equal(("gpt-x", "azure"), (_fake.LastRequest.Model, _fake.LastRequest.ApiKey));
    }

    [Fact]
    public async Task The_program_serves_a_script_file_and_says_where()
    {
        var script = Path.ChangeExtension(_log, ".json");
        await File.WriteAllTextAsync(script, """{ "replies": [ { "text": "From a file." } ] }""", Cancel);
        var program = Path.Combine(AppContext.BaseDirectory, "CodeLab.FakeLlm.dll");
        using var process = Process.Start(
            new ProcessStartInfo("dotnet", [program, "--port", "0", "--script", script])
            {
                RedirectStandardOutput = true,
                UseShellExecute = false,
            }
        )!;
        try
        {
            var line = await process.StandardOutput.ReadLineAsync(Cancel).AsTask().WaitAsync(TimeSpan.FromSeconds(60), Cancel);
            Assert.StartsWith("OPENAI_BASE_URL=", line, StringComparison.Ordinal);
            using var answer = await _http.PostAsync(
                new Uri(line!["OPENAI_BASE_URL=".Length..] + "/chat/completions"),
                Body("""{"model":"m","messages":[{"role":"user","content":"Hi"}]}"""),
                Cancel
            );

            Assert.Contains("From a file.", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None); // the process must be gone before its files are deleted
            File.Delete(script);
        }
    }

    private static StringContent Body(string json) => new(json, System.Text.Encoding.UTF8, "application/json");

    private async Task PostAsync(string path, string json)
    {
        using var response = await _http.PostAsync(path, Body(json), Cancel);
        response.EnsureSuccessStatusCode();
    }
}
