using System.ClientModel;
using System.Net;
using CodeLab.FakeLlm;
using Microsoft.Extensions.AI;
using Xunit;

namespace CodeLab.UnitTests.FakeLlm;

/// <summary>What goes wrong on purpose, as the vendors' clients see it.</summary>
public sealed class FaultTests : IAsyncLifetime
{
    private FakeLlmServer _fake = null!;

    public static TheoryData<string> Dialects => ["openai", "anthropic", "ollama"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _fake = await FakeLlmServer.StartAsync(cancellationToken: Cancel);

    public ValueTask DisposeAsync() => _fake.DisposeAsync();

    [Theory, MemberData(nameof(Dialects))]
    public async Task A_status_limited_to_two_tries_is_gone_at_the_third(string dialect)
    {
        _fake.Reply(script => script.Text("Now.").Fails(Fault.Http(503), tries: 1).Fails(Fault.Http(429, retryAfter: "1"), tries: 1));
        using var client = Clients.Chat(_fake, dialect);

        var first = await Assert.ThrowsAnyAsync<Exception>(() => client.GetResponseAsync("Hi", cancellationToken: Cancel));
        await Assert.ThrowsAnyAsync<Exception>(() => StreamAsync(client));
        var third = await StreamAsync(client);

        Assert.Equal("Now.", third);
        Assert.Equal([503, 429, 200], _fake.ChatRequests.Select(r => r.Status));
        if (dialect == "openai")
            Assert.Equal(503, Assert.IsType<ClientResultException>(first).Status);
    }

    [Fact]
    public async Task A_rate_limit_says_when_to_come_back()
    {
        _fake.Reply(script => script.Fails(Fault.Http(429, retryAfter: "17")));
        using var client = Clients.Chat(_fake, "openai");

        var refused = await Assert.ThrowsAsync<ClientResultException>(() => client.GetResponseAsync("Hi", cancellationToken: Cancel));

        Assert.Equal(429, refused.Status);
        Assert.True(refused.GetRawResponse()!.Headers.TryGetValue("Retry-After", out var after));
        Assert.Equal("17", after);
        Assert.Contains("rate_limit_exceeded", refused.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Dialects))]
    public async Task A_connection_cut_in_mid_stream_fails_after_the_deltas_before_it(string dialect)
    {
        _fake.Reply(script => script.Text("One two three four").DeltaSize(4).Fails(Fault.Cut(after: 2)));
        using var client = Clients.Chat(_fake, dialect);
        var text = "";

        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await foreach (var update in client.GetStreamingResponseAsync("Hi", cancellationToken: Cancel))
                text += update.Text;
        });

        Assert.Equal("One two ", text);
        Assert.Equal(RequestOutcome.Cut, await _fake.LastRequest.Ended.WaitAsync(Cancel));
        Assert.Equal(2, _fake.LastRequest.DeltasSent);
    }

    [Theory, MemberData(nameof(Dialects))]
    public async Task A_connection_cut_before_the_first_byte_fails(string dialect)
    {
        _fake.Reply(script => script.Text("Never").Fails(Fault.Cut()));
        using var client = Clients.Chat(_fake, dialect);

        await Assert.ThrowsAnyAsync<Exception>(() => StreamAsync(client));

        Assert.Equal(RequestOutcome.Cut, await _fake.LastRequest.Ended.WaitAsync(Cancel));
    }

    [Theory, MemberData(nameof(Dialects))]
    public async Task A_garbage_line_fails(string dialect)
    {
        _fake.Reply(script => script.Text("One two").DeltaSize(4).Fails(Fault.Garbage(after: 1)));
        using var client = Clients.Chat(_fake, dialect);

        await Assert.ThrowsAnyAsync<Exception>(() => StreamAsync(client));
    }

    [Theory, MemberData(nameof(Dialects))]
    public async Task A_wrong_content_type_fails(string dialect)
    {
        _fake.Reply(script => script.Text("One two").Fails(Fault.WrongContentType()));
        using var client = Clients.Chat(_fake, dialect);

        var said = "";
        var failure = await Record.ExceptionAsync(async () => said = await StreamAsync(client));

        // Some clients look at the lines only: then nothing is said. None may take the page for an answer.
        Assert.True(failure is not null || said.Length == 0, said);
    }

    [Fact]
    public async Task An_error_event_in_the_stream_fails_with_its_message()
    {
        _fake.Reply(script => script.Text("One two").DeltaSize(4).Fails(Fault.ErrorEvent(after: 1, "Overloaded, sorry")));
        using var client = Clients.Chat(_fake, "anthropic");

        var failure = await Assert.ThrowsAnyAsync<Exception>(() => StreamAsync(client));

        Assert.Contains("Overloaded, sorry", failure.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        "/v1/chat/completions",
        "data: {\"error\":{\"message\":\"Overloaded, sorry\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n"
    )]
    [InlineData("/api/chat", "{\"error\":\"Overloaded, sorry\"}\n")]
    public async Task An_error_event_is_the_last_line_where_the_client_overlooks_it(string path, string last)
    {
        // OllamaSharp reads an error line as an empty answer: who uses it must see that no line said "done".
        _fake.Reply(script => script.Text("One two").DeltaSize(4).Fails(Fault.ErrorEvent(after: 1, "Overloaded, sorry")));
        using var http = new HttpClient();
        using var body = new StringContent("""{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}""");

        using var response = await http.PostAsync(new Uri(_fake.BaseAddress, path), body, Cancel);
        var text = await response.Content.ReadAsStringAsync(Cancel);

        Assert.Contains("One ", text, StringComparison.Ordinal);
        Assert.EndsWith(last, text, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Dialects))]
    public async Task A_long_line_is_one_well_formed_delta(string dialect)
    {
        _fake.Reply(script => script.Text("One").Fails(Fault.LongLine(bytes: 1_500_000, after: 1)));
        using var client = Clients.Chat(_fake, dialect);

        var text = await StreamAsync(client);

        Assert.Equal(1_500_003, text.Length);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(2)]
    public async Task A_caller_that_leaves_a_hung_answer_is_recorded(int? after)
    {
        _fake.Reply(script => script.Text("One two three").DeltaSize(4).Fails(Fault.Hang(after)));
        using var client = Clients.Chat(_fake, "openai");
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(Cancel);

        var reading = client.GetStreamingResponseAsync("Hi", cancellationToken: leave.Token).ToListAsync(leave.Token);
        var request = await _fake.WaitForRequestAsync(cancellationToken: Cancel);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await reading);

        Assert.Equal(RequestOutcome.ClientLeft, await request.Ended.WaitAsync(TimeSpan.FromSeconds(30), Cancel));
    }

    [Theory, MemberData(nameof(Dialects))]
    public async Task A_gate_holds_the_stream_until_it_is_released(string dialect)
    {
        _fake.Reply(script => script.Text("One two three").DeltaSize(4).Hold("middle", after: 2));
        using var client = Clients.Chat(_fake, dialect);
        var texts = client
            .GetStreamingResponseAsync("Hi", cancellationToken: Cancel)
            .Where(u => u.Text.Length > 0)
            .GetAsyncEnumerator(Cancel);
        await texts.MoveNextAsync();
        await texts.MoveNextAsync();
        Assert.Equal("two ", texts.Current.Text);
        await _fake.WaitForGateAsync("middle", cancellationToken: Cancel);

        var third = texts.MoveNextAsync().AsTask();
        Assert.False(third.IsCompleted);
        Assert.Equal(2, _fake.LastRequest.DeltasSent);
        _fake.Release("middle");

        Assert.True(await third.WaitAsync(TimeSpan.FromSeconds(30), Cancel));
        Assert.Equal("thre", texts.Current.Text);
        await texts.DisposeAsync();
    }

    [Fact]
    public async Task A_redirect_leads_to_a_place_where_visits_are_recorded()
    {
        _fake.Reply(script => script.Text("No").Fails(Fault.Redirect()));
        using var http = new HttpClient();
        using var body = new StringContent("""{"model":"m","messages":[{"role":"user","content":"Hi"}]}""");

        using var response = await http.PostAsync(new Uri(_fake.OpenAiBaseUrl + "/chat/completions"), body, Cancel);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal(["/v1/chat/completions", "/redirected"], _fake.Requests.Select(r => r.Path));
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public async Task A_wrong_key_is_refused(string dialect)
    {
        await using var guarded = await FakeLlmServer.StartAsync(new FakeLlmOptions { RequireKey = "right" }, Cancel);
        guarded.Reply(script => script.Text("In."));
        using var right = Clients.Chat(guarded, dialect, "right");
        using var wrong = Clients.Chat(guarded, dialect, "wrong");

        await Assert.ThrowsAnyAsync<Exception>(() => wrong.GetResponseAsync("Hi", cancellationToken: Cancel));
        var answer = await right.GetResponseAsync("Hi", cancellationToken: Cancel);

        Assert.Equal("In.", answer.Text);
        Assert.Equal(["wrong", "right"], guarded.Requests.Select(r => r.ApiKey));
        Assert.Equal([401, 200], guarded.Requests.Select(r => r.Status));
    }

    [Fact]
    public async Task Stopping_the_server_ends_a_held_answer()
    {
        var fake = await FakeLlmServer.StartAsync(cancellationToken: Cancel);
        fake.Reply(script => script.Text("Never").Hold("for ever"));
        using var client = Clients.Chat(fake, "openai");
        var asking = StreamAsync(client);
        var request = await fake.WaitForRequestAsync(cancellationToken: Cancel);

        await fake.DisposeAsync();

        await Assert.ThrowsAnyAsync<Exception>(() => asking);
        Assert.Equal(RequestOutcome.Stopped, await request.Ended.WaitAsync(TimeSpan.FromSeconds(30), Cancel));
    }

    private static async Task<string> StreamAsync(IChatClient client)
    {
        var text = "";
        await foreach (var update in client.GetStreamingResponseAsync("Hi", cancellationToken: Cancel))
            text += update.Text;
        return text;
    }
}
