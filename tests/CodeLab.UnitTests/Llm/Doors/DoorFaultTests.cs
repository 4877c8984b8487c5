using System.Net;
using System.Text.Json.Nodes;
using CodeLab.FakeLlm;
using Xunit;

namespace CodeLab.UnitTests.Llm.Doors;

/// <summary>
/// Whatever a provider does, a caller gets one typed failure in the words of its dialect: a status before the first token, an event after it, and
/// never an end mark. The ledger says the same (G12).
/// </summary>
public sealed class DoorFaultTests
{
    private static readonly (string, string)[] _short =
    [
        ("CodeLab:Llm:Timeouts:FirstByteSeconds", "0.5"),
        ("CodeLab:Llm:Timeouts:IdleSeconds", "0.5"),
        ("CodeLab:Llm:Timeouts:TotalSeconds", "30"),
    ];

    /// <summary>Fault, our code, status before the first token (0: it comes after it), tries.</summary>
    private static readonly Dictionary<string, (Fault Fault, string Code, int Status, int Tries)> _table = new()
    {
        ["400"] = (Fault.Http(400), "INVALID_REQUEST", 400, 1),
        ["400 too long"] = (
            Fault.Http(400, body: """{"error":{"message":"maximum context length is 8192"}}"""),
            "CONTEXT_TOO_LARGE",
            400,
            1
        ),
        ["401"] = (Fault.Http(401), "PROVIDER_ERROR", 502, 1),
        ["403"] = (Fault.Http(403), "PROVIDER_ERROR", 502, 1),
        ["404 model"] = (Fault.Http(404, body: """{"error":{"message":"The model does not exist"}}"""), "INVALID_MODEL", 400, 1),
        ["404 page"] = (Fault.Http(404, body: "page not found"), "PROVIDER_ERROR", 502, 1),
        ["408"] = (Fault.Http(408), "TIMEOUT", 504, 3),
        ["429"] = (Fault.Http(429, body: "slow down"), "RATE_LIMIT_EXCEEDED", 429, 3),
        ["429 wait 0 s"] = (Fault.Http(429, "0", "slow down"), "RATE_LIMIT_EXCEEDED", 429, 3),
        ["429 wait an hour"] = (Fault.Http(429, "3600", "slow down"), "RATE_LIMIT_EXCEEDED", 429, 1),
        ["429 no money"] = (Fault.Http(429, body: """{"error":{"code":"insufficient_quota"}}"""), "INSUFFICIENT_QUOTA", 402, 1),
        ["500"] = (Fault.Http(500), "PROVIDER_ERROR", 502, 3),
        ["503"] = (Fault.Http(503), "PROVIDER_ERROR", 502, 3),
        ["redirect"] = (Fault.Redirect(), "PROVIDER_ERROR", 502, 1),
        ["page"] = (Fault.WrongContentType(), "PROVIDER_ERROR", 502, 1),
        ["cut before the first byte"] = (Fault.Cut(), "PROVIDER_ERROR", 502, 3),
        ["hang before the first byte"] = (Fault.Hang(), "TIMEOUT", 504, 1),
        ["hang in the middle"] = (Fault.Hang(2), "TIMEOUT", 0, 1),
        ["cut in the middle"] = (Fault.Cut(2), "PROVIDER_ERROR", 0, 1),
        ["end in the middle"] = (Fault.EarlyEnd(2), "PROVIDER_ERROR", 0, 1),
        ["garbage"] = (Fault.Garbage(2), "PROVIDER_ERROR", 0, 1),
        ["line of 20 MiB"] = (Fault.LongLine(20 * 1024 * 1024, 2), "PROVIDER_ERROR", 0, 1),
        ["error event"] = (Fault.ErrorEvent(2), "PROVIDER_ERROR", 0, 1),
    };

    public static TheoryData<string, string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string, string>();
            // Each dialect passed through, and each provider translated at least once.
            foreach (
                var (door, kind) in ((string, string)[])
                    [
                        ("chat", "openai"),
                        ("messages", "anthropic"),
                        ("ollama", "ollama"),
                        ("messages", "openai"),
                        ("chat", "anthropic"),
                        ("responses", "ollama"),
                    ]
            )
            {
                foreach (var fault in _table.Keys)
                    cases.Add(door, kind, fault);
            }
            return cases;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public async Task A_stream_s_fault_is_told_in_the_dialect_after_the_tries_that_make_sense(string door, string kind, string name)
    {
        var (fault, code, status, tries) = _table[name];
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("One two three four five six seven").DeltaSize(4).Fails(fault));
        // Only silence is to meet the short clocks: a busy machine may take its time with 20 MiB.
        await using var doors = await DoorHost.StartAsync(kind, fake, fault.Kind == FaultKind.Hang ? _short : []);

        using var response = await doors.PostAsync(DoorWire.Path(door), DoorWire.Ask(door, stream: true, "Hi"));
        var body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        if (status > 0)
        {
            Assert.Equal(status, (int)response.StatusCode);
            Assert.Equal(code, CodeOf(door, JsonNode.Parse(body)!));
            var wait = fault.Headers.TryGetValue("Retry-After", out var seconds) ? seconds : null;
            Assert.Equal(wait, response.Headers.RetryAfter?.ToString());
        }
        else
        {
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Contains("One", body, StringComparison.Ordinal);
            Assert.DoesNotContain("[DONE]", body, StringComparison.Ordinal);
            Assert.DoesNotContain("message_stop", body, StringComparison.Ordinal);
            Assert.DoesNotContain("response.completed", body, StringComparison.Ordinal);
            Assert.DoesNotContain("\"done\":true", body, StringComparison.Ordinal);
            var last = body.TrimEnd('\n').Split('\n')[^1];
            Assert.Equal(code, CodeOf(door, JsonNode.Parse(last.StartsWith("data: ", StringComparison.Ordinal) ? last[6..] : last)!));
        }
        Assert.DoesNotContain("sk-canary", body, StringComparison.Ordinal);
        Assert.DoesNotContain("127.0.0.1", body, StringComparison.Ordinal);
        Assert.DoesNotContain(fake.Requests, r => r.Path == "/redirected");
        Assert.Equal(tries, fake.ChatRequests.Count);
        var row = Assert.Single(await doors.LedgerAsync(1));
        Assert.Equal((code, tries), (row.Outcome, row.Attempts));
        // Who is silent may have worked; who refuses has not.
        if (status > 0 && fault.Kind != FaultKind.Hang)
            Assert.Equal((0L, 0L), (row.InputTokens, row.OutputTokens));
    }

    [Theory]
    [InlineData("chat", "openai", "500", 502, "PROVIDER_ERROR")]
    [InlineData("chat", "openai", "cut", 502, "PROVIDER_ERROR")]
    [InlineData("messages", "openai", "cut", 502, "PROVIDER_ERROR")]
    [InlineData("messages", "anthropic", "garbage", 502, "PROVIDER_ERROR")]
    [InlineData("chat", "ollama", "garbage", 502, "PROVIDER_ERROR")]
    public async Task A_whole_answer_that_breaks_gets_a_status(string door, string kind, string name, int status, string code)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script =>
            _ = name switch
            {
                "500" => script.Text("x").Fails(Fault.Http(500)),
                "cut" => script.Text("One two three").Fails(Fault.Cut(1)),
                _ => script.Raw("{\"broken\":"),
            }
        );
        await using var doors = await DoorHost.StartAsync(kind, fake, _short);

        using var response = await doors.PostAsync(DoorWire.Path(door), DoorWire.Ask(door, stream: false, "Hi"));
        var body = JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(code, CodeOf(door, body));
        Assert.Equal(code, Assert.Single(await doors.LedgerAsync(1)).Outcome);
    }

    [
        Theory,
        InlineData("chat", "openai"),
        InlineData("messages", "anthropic"),
        InlineData("messages", "openai"),
        InlineData("chat", "ollama")
    ]
    public async Task A_call_that_succeeds_on_a_retry_shows_nothing_of_it(string door, string kind)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("At last.").Fails(Fault.Http(503), tries: 1).Fails(Fault.Http(429, "0"), tries: 1));
        await using var doors = await DoorHost.StartAsync(kind, fake);

        using var response = await doors.PostAsync(DoorWire.Path(door), DoorWire.Ask(door, stream: true, "Hi"));
        var body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.Equal("At last.", DoorWire.Read(door, true, body).Text);
        Assert.Equal(3, Assert.Single(await doors.LedgerAsync(1)).Attempts);
    }

    [Theory, InlineData("chat"), InlineData("responses"), InlineData("messages"), InlineData("ollama"), InlineData("published")]
    public async Task Who_shows_no_key_or_the_wrong_one_is_told_in_the_dialect(string door)
    {
        await using var fake = await LlmHost.FakeAsync();
        await using var doors = await DoorHost.StartAsync("openai", fake);

        foreach (
            var (key, status, code) in ((string?, HttpStatusCode, string)[])
                [(null, HttpStatusCode.Unauthorized, "UNAUTHORIZED"), ("reader", HttpStatusCode.Forbidden, "PERMISSION_DENIED")]
        )
        {
            using var content = new StringContent(DoorWire.Ask(door, false, "Hi"), null, "application/json");
            using var response = await doors
                .CreateClient(key)
                .PostAsync(DoorWire.Path(door), content, TestContext.Current.CancellationToken);
            var body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

            Assert.Equal(status, response.StatusCode);
            Assert.Equal(code, CodeOf(door, JsonNode.Parse(body)!));
        }
        Assert.Empty(fake.ChatRequests);
    }

    [Theory]
    [InlineData("messages", "x-api-key")]
    [InlineData("chat", "api-key")]
    [InlineData("responses", "api-key")]
    public async Task A_key_is_taken_from_the_vendor_s_own_header(string door, string header)
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("Hello."));
        await using var doors = await DoorHost.StartAsync("openai", fake);
        using var request = new HttpRequestMessage(HttpMethod.Post, DoorWire.Path(door))
        {
            Content = new StringContent(DoorWire.Ask(door, false, "Hi"), null, "application/json"),
        };
        request.Headers.Add(header, DoorHost.Key);

        using var response = await doors.CreateClient(null).SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.DoesNotContain(DoorHost.Key, fake.LastRequest.ApiKey ?? "", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"model":"fake-model","messages":[{"role":"user","content":"x"}],"api_base":"http://evil"}""")]
    [InlineData("""{"model":"fake-model","messages":[{"role":"user","content":"x","Extra":{"API_KEY":"k"}}]}""")]
    [InlineData("""{"model":"fake-model","extra_body":{"a":[{"Base_Url":"x"}]},"messages":[{"role":"user","content":"x"}]}""")]
    [InlineData(
        """{"model":"fake-model","tools":[{"type":"function","function":{"name":"f","arguments":"x","more":{"api_key":1}}}],"messages":[]}"""
    )]
    [InlineData("""{"model":"fake-model","model":"other","messages":[{"role":"user","content":"x"}]}""")]
    [InlineData("""{"mod\u0065l":"fake-model","messages":[{"role":"user","content":"x"}]}""")]
    [InlineData("""{"model":"fake-model","messages":[{"role":"user","content":"x"}""")]
    [InlineData("""[1]""")]
    [InlineData("")]
    public async Task A_request_that_could_fool_the_gate_is_refused(string body)
    {
        await using var fake = await LlmHost.FakeAsync();
        await using var doors = await DoorHost.StartAsync("openai", fake);

        using var response = await doors.PostAsync("/v1/chat/completions", body);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Empty(fake.ChatRequests);
    }

    [Fact]
    public async Task Members_that_belong_to_tools_may_be_named_as_they_like()
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("Fine."));
        await using var doors = await DoorHost.StartAsync("openai", fake);

        using var response = await doors.PostAsync(
            "/v1/chat/completions",
            """{"model":"fake-model","tools":[{"type":"function","function":{"name":"fetch","parameters":{"type":"object","properties":{"headers":{"type":"object"},"base_url":{"type":"string"}}}}}],"messages":[{"role":"user","content":"x"}]}"""
        );

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    private static string? CodeOf(string door, JsonNode body) =>
        door switch
        {
            "ollama" => body["code"]!.GetValue<string>(),
            "published" => body["error_code"]!.GetValue<string>(),
            "responses" when body["type"] is not null => body["code"]!.GetValue<string>(),
            _ => body["error"]!["code"]!.GetValue<string>(),
        };
}
