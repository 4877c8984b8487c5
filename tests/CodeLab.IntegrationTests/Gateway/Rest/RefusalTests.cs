using System.Text.Json;
using CodeLab.Testing.Servers;
using Xunit;
using static CodeLab.IntegrationTests.Gateway.Rest.RestServer;

namespace CodeLab.IntegrationTests.Gateway.Rest;

/// <summary>protocol.md §3.1, §3.5, §2.7 and §3.8: refusals in the shapes clients read.</summary>
public sealed class RefusalTests(RestServer rest) : IClassFixture<RestServer>
{
    private readonly RestServer _rest = rest;

    [Fact]
    public async Task Without_a_token_401_has_all_four_texts()
    {
        var refused = await SendAsync(_rest.Stranger, "GET", "/api/v1/sessions");

        Assert.Equal((401, "unauthorized"), (refused.Status, refused.String("error")));
        Assert.Equal("Bearer", refused.Headers["WWW-Authenticate"]);
        foreach (var name in (string[])["error", "error_description", "detail", "message"])
            Assert.Equal(JsonValueKind.String, refused.Json.GetProperty(name).ValueKind);
    }

    [Fact]
    public async Task A_bad_token_is_invalid_token()
    {
        var client = _rest.Host.CreateClient();
        client.DefaultRequestHeaders.Authorization = new("Bearer", "nonsense");

        var refused = await SendAsync(client, "GET", "/api/v1/sessions");

        Assert.Equal((401, "invalid_token"), (refused.Status, refused.String("error")));
    }

    [Fact]
    public async Task Over_the_limit_429_says_limit_window_and_wait()
    {
        await using var limited = await CodeLabServer.StartAsync(
            new CodeLabServerOptions().With(("CodeLab__RateLimits__Enabled", "true"), ("CodeLab__RateLimits__RestPerMinute", "3")),
            Cancel
        );
        var client = await limited.SignInAsync(cancellationToken: Cancel);
        var first = await SendAsync(client, "GET", "/api/v1/agents");
        Answer refused;
        do refused = await SendAsync(client, "GET", "/api/v1/agents");
        while (refused.Status == 200);

        Assert.Equal("3", first.Headers["X-RateLimit-Limit"]);
        Assert.Equal((429, "RATE_LIMIT_EXCEEDED"), (refused.Status, refused.Code));
        Assert.Equal((3, "1 minute"), (refused.Number("limit"), refused.String("window")));
        Assert.InRange(refused.Number("retry_after"), 1, 60);
        Assert.Equal(
            refused.Headers["Retry-After"],
            refused.Number("retry_after").ToString(System.Globalization.CultureInfo.InvariantCulture)
        );
        foreach (var name in (string[])["error", "error_code", "message", "detail"])
            Assert.Equal(JsonValueKind.String, refused.Json.GetProperty(name).ValueKind);
    }

    [Theory]
    [InlineData("{", 400, "INVALID_REQUEST")]
    [InlineData("[]", 400, "INVALID_REQUEST")]
    [InlineData("""{"title":5}""", 400, "INVALID_REQUEST")]
    [InlineData("""{"title":"a","title":"b"}""", 400, "INVALID_REQUEST")]
    [InlineData("""{"session_id":"../etc"}""", 400, "INVALID_REQUEST")]
    public async Task A_body_that_can_not_be_read_is_400(string body, int status, string code)
    {
        var refused = await SendAsync(_rest.Ada, "POST", "/api/v1/sessions", body);

        Assert.Equal((status, code), (refused.Status, refused.Code));
    }

    [Fact]
    public async Task A_body_over_one_mebibyte_is_413()
    {
        var refused = await SendAsync(_rest.Ada, "POST", "/api/v1/sessions", $$"""{"title":"{{new string('x', 1_100_000)}}"}""");

        Assert.Equal((413, "PAYLOAD_TOO_LARGE"), (refused.Status, refused.Code));
    }

    [Theory]
    [InlineData("GET", "/api/v1/sessions?limit=many", 400)]
    [InlineData("GET", "/api/v1/sessions?scope=theirs", 400)]
    [InlineData("PUT", "/api/v1/sessions", 405)]
    [InlineData("GET", "/api/v1/nothing/here", 404)]
    public async Task A_request_that_fits_no_route_has_the_published_body(string method, string path, int status)
    {
        var refused = await SendAsync(_rest.Ada, method, path);

        Assert.Equal(status, refused.Status);
        foreach (var name in (string[])["error", "error_code", "message", "detail"])
            Assert.Equal(JsonValueKind.String, refused.Json.GetProperty(name).ValueKind);
    }

    [Fact]
    public async Task Decisions_take_aliases_and_the_first_one_counts()
    {
        await using var server = await StartAsync();
        server.Fake.Reply(s =>
            s.ToolCall("write_file", new { path = "a.txt", content = "a" })
                .Then()
                .ToolCall("write_file", new { path = "b.txt", content = "b" })
                .Then()
                .Text("Done.")
        );
        await using var ada = await Turns.Developer.SitDownAsync(server.Host, approvals: Client.Approvals.ApprovalMode.Ask);
        await ada.SayAsync("Write");
        var client = await server.Host.SignInAsync(cancellationToken: Cancel);
        var path = "/api/v1/sessions/" + ada.SessionId;
        var call = (await ada.HearsQuestionAsync()).CallId;

        var invalid = await SendAsync(client, "POST", path + "/hitl-decision", $$"""{"call_id":"{{call}}","decision":"maybe"}""");
        var unfit = await SendAsync(
            client,
            "POST",
            path + "/hitl-decision",
            $$$"""{"call_id":"{{{call}}}","decision":"edit","modified_arguments":{"path":5}}"""
        );
        var edited = await SendAsync(
            client,
            "POST",
            path + "/hitl-decision",
            $$"""{"request_id":"{{call}}","decision":"modify","edited_arguments":{"path":"c.txt","content":"c"},"feedback":null}"""
        );
        var again = await SendAsync(client, "POST", path + "/approve", $$"""{"action_id":"{{call}}","approved":false}""");
        var second = await ada.HearsAsync<Protocol.Frames.ToolCallFrame>(f => f.RequiresApproval && f.CallId != call);
        var rejected = await SendAsync(client, "POST", path + "/approve/", $$"""{"action_id":"{{second.CallId}}","approved":false}""");
        var unknown = await SendAsync(client, "POST", path + "/hitl-decision", """{"call_id":"call_unknown","decision":"reject"}""");
        await ada.HearsTheEndAsync();

        Assert.Equal((400, "MISSING_FIELD"), (invalid.Status, invalid.Code));
        Assert.Equal((400, "INVALID_ARGUMENTS"), (unfit.Status, unfit.Code));
        Assert.Equal(
            (200, "approved", call, ada.SessionId),
            (edited.Status, edited.String("status"), edited.String("call_id"), edited.String("session_id"))
        );
        Assert.Equal((409, "ALREADY_DECIDED"), (again.Status, again.Code));
        Assert.Equal((200, "rejected"), (rejected.Status, rejected.String("status")));
        Assert.Equal((404, "INVALID_CALL_ID"), (unknown.Status, unknown.Code));
        Assert.True(File.Exists(Path.Combine(ada.Workspace, "c.txt")));
    }
}
