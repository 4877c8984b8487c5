using System.Text.Json;
using CodeLab.Client.Approvals;
using CodeLab.Client.Rest;
using CodeLab.Client.Sessions;
using CodeLab.Client.Tools;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using Microsoft.AspNetCore.SignalR;
using Xunit;

namespace CodeLab.UnitTests.Client.Sessions;

public sealed class SessionClientTests : IAsyncLifetime
{
    private const string Session = "s-1";
    private const string Me = "cli-1";
    private FakeSessionServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await FakeSessionServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Frames_that_arrive_before_the_answer_to_Attach_count_once_and_in_order()
    {
        _server.OnAttach = async (request, caller) =>
        {
            await caller.SendAsync(SessionHubNames.Receive, Said(2, "m2", "two"));
            await caller.SendAsync(SessionHubNames.Receive, Said(3, "m3", "three"));
            return FakeSessionServer.Empty(request.SessionId) with { Frames = [Said(1, "m1", "one"), Said(2, "m2", "two")], LastSeq = 2 };
        };
        await using var client = Client();

        await client.ConnectAsync(TestContext.Current.CancellationToken);
        await _server.TellAsync(Said(4, "m4", "four"));
        var state = await UntilAsync(client, s => s.LastSeq == 4);

        Assert.Equal(["one", "two", "three", "four"], state.Items.OfType<AgentText>().Select(text => text.Content));
    }

    [Fact]
    public async Task A_gap_in_streaming_text_makes_the_client_attach_again_and_have_it_whole()
    {
        await using var client = Client();
        await client.ConnectAsync(TestContext.Current.CancellationToken);
        await _server.NextAsync<AttachRequest>(SessionHubNames.Attach);
        _server.OnAttach = (request, _) =>
            Task.FromResult(
                FakeSessionServer.Empty(request.SessionId) with
                {
                    Streaming = new StreamingMessage { MessageId = "m", Text = "Hello, wide " },
                }
            );

        await _server.TellAsync(Token("m", 0, "Hello, "));
        await _server.TellAsync(Token("m", 12, "world"));
        var again = await _server.NextAsync<AttachRequest>(SessionHubNames.Attach);
        await _server.TellAsync(Token("m", 7, "wide "));
        await _server.TellAsync(Token("m", 12, "world"));
        var state = await UntilAsync(client, s => s.Streaming?.Length >= 17);

        Assert.Equal(0, again.LastSeq);
        Assert.Equal("Hello, wide world", state.Streaming!.ToString());
    }

    [Fact]
    public async Task A_cut_off_client_attaches_again_at_the_last_frame_it_has()
    {
        _server.OnAttach = (request, _) =>
            Task.FromResult(
                request.LastSeq is null or 0
                    ? FakeSessionServer.Empty(request.SessionId) with
                    {
                        Frames = [Said(1, "m1", "one")],
                        LastSeq = 1,
                    }
                    : FakeSessionServer.Empty(request.SessionId) with
                    {
                        Frames = [Said(2, "m2", "two")],
                        LastSeq = 2,
                    }
            );
        await using var client = Client();
        await client.ConnectAsync(TestContext.Current.CancellationToken);
        await _server.NextAsync<AttachRequest>(SessionHubNames.Attach);

        _server.Cut();
        var again = await _server.NextAsync<AttachRequest>(SessionHubNames.Attach);
        var state = await UntilAsync(client, s => s.LastSeq == 2);

        Assert.Equal(1, again.LastSeq);
        Assert.Equal(["one", "two"], state.Items.OfType<AgentText>().Select(text => text.Content));
    }

    [Fact]
    public async Task A_resync_folds_the_session_anew_without_telling_a_face_twice()
    {
        _server.OnAttach = (request, _) =>
            Task.FromResult(FakeSessionServer.Empty(request.SessionId) with { Frames = [Said(1, "m1", "one")], LastSeq = 1 });
        await using var client = Client();
        await client.ConnectAsync(TestContext.Current.CancellationToken);
        await _server.NextAsync<AttachRequest>(SessionHubNames.Attach);

        await _server.TellAsync(new ResyncFrame { SessionId = Session, Reason = "queue full" });
        var again = await _server.NextAsync<AttachRequest>(SessionHubNames.Attach);
        await _server.TellAsync(Said(2, "m2", "two"));
        var told = new List<long?>();
        using var limit = new CancellationTokenSource(FakeSessionServer.Patience);
        while (!told.Contains(2))
            if (await client.Updates.ReadAsync(limit.Token) is SessionUpdate.FrameReceived frame)
                told.Add(frame.Frame.Seq);

        Assert.Equal(0, again.LastSeq);
        Assert.Equal([1, 2], told);
        Assert.Equal(["one", "two"], client.State.Items.OfType<AgentText>().Select(text => text.Content));
    }

    [Fact]
    public async Task A_call_for_this_client_runs_and_its_result_is_sent()
    {
        var tools = new RecordingTools();
        await using var client = Client(tools);
        await client.ConnectAsync(TestContext.Current.CancellationToken);

        await _server.TellAsync(Call(1, "c1", executor: Me));
        var result = await _server.NextAsync<SubmitToolResultRequest>(SessionHubNames.SubmitToolResult);

        Assert.Equal("c1", result.CallId);
        Assert.Equal("c1", result.Result!.Value.GetProperty("ran").GetString());
        Assert.Equal(["c1"], tools.Ran);
    }

    [Fact]
    public async Task A_failed_call_is_sent_with_code_and_sentence()
    {
        var tools = new RecordingTools { Outcome = _ => new ToolOutcome { Error = "No such file.", ErrorCode = "FILE_NOT_FOUND" } };
        await using var client = Client(tools);
        await client.ConnectAsync(TestContext.Current.CancellationToken);

        await _server.TellAsync(Call(1, "c1", executor: Me));
        var result = await _server.NextAsync<SubmitToolResultRequest>(SessionHubNames.SubmitToolResult);

        Assert.Null(result.Result);
        Assert.Equal("FILE_NOT_FOUND", result.Error!.Value.GetProperty("code").GetString());
        Assert.Equal("No such file.", result.Error!.Value.GetProperty("message").GetString());
    }

    [Fact]
    public async Task A_call_for_another_client_and_one_of_the_past_are_left_alone()
    {
        var tools = new RecordingTools();
        _server.OnAttach = (request, _) =>
            Task.FromResult(FakeSessionServer.Empty(request.SessionId) with { Frames = [Call(1, "past", Me)], LastSeq = 1 });
        await using var client = Client(tools);
        await client.ConnectAsync(TestContext.Current.CancellationToken);

        await _server.TellAsync(Call(2, "theirs", executor: "somebody"));
        await _server.TellAsync(Call(3, "asked", executor: Me, approval: true));
        await _server.TellAsync(Call(4, "mine", executor: Me));
        await _server.NextAsync<SubmitToolResultRequest>(SessionHubNames.SubmitToolResult);

        Assert.Equal(["mine"], tools.Ran);
    }

    [Fact]
    public async Task An_open_call_delivered_with_Attach_is_run_and_flagged_redelivered()
    {
        var tools = new RecordingTools();
        _server.OnAttach = (request, _) =>
            Task.FromResult(
                FakeSessionServer.Empty(request.SessionId) with
                {
                    Frames = [Call(1, "c1", Me)],
                    LastSeq = 1,
                    OpenCalls = [Call(1, "c1", Me) with { Redelivered = true }],
                }
            );
        await using var client = Client(tools);

        await client.ConnectAsync(TestContext.Current.CancellationToken);
        var result = await _server.NextAsync<SubmitToolResultRequest>(SessionHubNames.SubmitToolResult);

        Assert.Equal("c1", result.CallId);
        Assert.True(Assert.Single(tools.Invocations).Redelivered);
    }

    [Fact]
    public async Task A_result_whose_acknowledgement_was_lost_is_sent_again_without_running_the_call_again()
    {
        var tools = new RecordingTools();
        var answered = 0;
        _server.OnInput = (method, _) =>
        {
            if (method != SessionHubNames.SubmitToolResult || Interlocked.Increment(ref answered) > 1)
                return new InputAck { Seq = 2 };
            _server.Cut();
            return new InputAck { Seq = 2 };
        };
        // After the cut the call is open as far as the client can know, and delivered again.
        _server.OnAttach = (request, _) =>
            Task.FromResult(
                FakeSessionServer.Empty(request.SessionId) with
                {
                    LastSeq = request.LastSeq ?? 0,
                    OpenCalls = request.LastSeq > 0 ? [Call(1, "c1", Me) with { Redelivered = true }] : [],
                }
            );
        await using var client = Client(tools);
        await client.ConnectAsync(TestContext.Current.CancellationToken);

        await _server.TellAsync(Call(1, "c1", Me));
        await _server.NextAsync<SubmitToolResultRequest>(SessionHubNames.SubmitToolResult);
        var again = await _server.NextAsync<SubmitToolResultRequest>(SessionHubNames.SubmitToolResult);
        await client.DrainAsync();

        Assert.Equal("c1", again.CallId);
        Assert.Equal(["c1"], tools.Ran);
    }

    [Fact]
    public async Task A_cancelled_turn_ends_what_runs_here()
    {
        var tools = new RecordingTools { Forever = true };
        await using var client = Client(tools);
        await client.ConnectAsync(TestContext.Current.CancellationToken);

        await _server.TellAsync(Call(1, "c1", Me));
        await tools.Begun.Task.WaitAsync(FakeSessionServer.Patience, TestContext.Current.CancellationToken);
        await _server.TellAsync(
            new TurnCancelledFrame
            {
                SessionId = Session,
                Seq = 2,
                TurnId = "t",
            }
        );

        await tools.Ended.Task.WaitAsync(FakeSessionServer.Patience, TestContext.Current.CancellationToken);
        await client.DrainAsync();
        Assert.Equal(TurnPhase.Cancelled, client.State.Turn.Phase);
    }

    [Fact]
    public async Task Safe_mode_approves_an_edit_and_leaves_a_command_to_a_person()
    {
        await using var client = Client(new RecordingTools(), ApprovalMode.Safe);
        await client.ConnectAsync(TestContext.Current.CancellationToken);

        await _server.TellAsync(Call(1, "command", Me, approval: true, tool: "execute_command", arguments: """{"command":"ls"}"""));
        await _server.TellAsync(Call(2, "edit", Me, approval: true, tool: "write_file", arguments: """{"path":"a.txt","content":""}"""));
        var decision = await _server.NextAsync<DecideRequest>(SessionHubNames.Decide);

        Assert.Equal("edit", decision.CallId);
        Assert.Equal("approve", decision.Decision);
        Assert.Contains("command", client.State.WaitingApprovals);
    }

    [Fact]
    public async Task A_message_is_sent_again_with_the_same_id_when_its_acknowledgement_was_lost()
    {
        var sent = 0;
        _server.OnInput = (_, _) =>
        {
            if (Interlocked.Increment(ref sent) == 1)
                _server.Cut();
            return new InputAck { Seq = 7 };
        };
        await using var client = Client();
        await client.ConnectAsync(TestContext.Current.CancellationToken);

        var ack = await client.SendAsync("hello", cancellationToken: TestContext.Current.CancellationToken);
        var first = await _server.NextAsync<SendMessageRequest>(SessionHubNames.SendMessage);
        var second = await _server.NextAsync<SendMessageRequest>(SessionHubNames.SendMessage);

        Assert.Equal(7, ack.Seq);
        Assert.Equal(first.MessageId, second.MessageId);
    }

    [Fact]
    public async Task A_refusal_of_the_hub_keeps_its_code_and_text()
    {
        _server.OnInput = (_, _) => throw new HubException("INVALID_CALL_ID: There is no such call.");
        await using var client = Client();
        await client.ConnectAsync(TestContext.Current.CancellationToken);

        var refusal = await Assert.ThrowsAsync<ServerException>(() =>
            client.DecideAsync("x", "approve", cancellationToken: TestContext.Current.CancellationToken)
        );

        Assert.Equal("INVALID_CALL_ID", refusal.Code);
        Assert.Equal("There is no such call.", refusal.Message);
    }

    [Fact]
    public async Task A_session_of_somebody_else_ends_the_client_with_the_servers_code()
    {
        _server.OnAttach = (_, _) => throw new HubException("SESSION_NOT_FOUND: There is no such session.");
        await using var client = Client();

        var refusal = await Assert.ThrowsAsync<ServerException>(() => client.ConnectAsync(TestContext.Current.CancellationToken));

        Assert.Equal("SESSION_NOT_FOUND", refusal.Code);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_told_after_the_first_patience()
    {
        var nowhere = new FakeNowhere();
        await using var client = new SessionClient(Options() with { Server = nowhere.Address, FirstConnectionTimeout = TimeSpan.Zero });

        await Assert.ThrowsAsync<ServerUnreachableException>(() => client.ConnectAsync(TestContext.Current.CancellationToken));
    }

    private SessionClientOptions Options() =>
        new()
        {
            Server = _server.Address,
            SessionId = Session,
            Tokens = new FixedToken(),
            Client = new ClientInfo { Id = Me, Name = "test" },
        };

    private SessionClient Client(IToolExecutor? tools = null, ApprovalMode approvals = ApprovalMode.Ask) =>
        new(Options() with { Tools = tools, Approvals = approvals });

    private static async Task<SessionState> UntilAsync(SessionClient client, Func<SessionState, bool> condition)
    {
        using var limit = new CancellationTokenSource(FakeSessionServer.Patience);
        while (!condition(client.State))
            await client.Updates.ReadAsync(limit.Token);
        return client.State;
    }

    private static AssistantMessageFrame Said(long seq, string id, string text) =>
        new()
        {
            SessionId = Session,
            Seq = seq,
            MessageId = id,
            Content = text,
        };

    private static AssistantMessageFrame Token(string id, int offset, string text) =>
        new()
        {
            SessionId = Session,
            MessageId = id,
            Offset = offset,
            Token = text,
        };

    private static ToolCallFrame Call(
        long seq,
        string id,
        string? executor,
        bool approval = false,
        string tool = "read_file",
        string arguments = """{"path":"a.txt"}"""
    ) =>
        new()
        {
            SessionId = Session,
            Seq = seq,
            CallId = id,
            ToolName = tool,
            Arguments = JsonDocument.Parse(arguments).RootElement,
            RequiresApproval = approval,
            Executor = executor,
        };

    private sealed class RecordingTools : IToolExecutor
    {
        private readonly List<ToolInvocation> _invocations = [];

        public IReadOnlyList<string> Names { get; } = ["read_file", "write_file"];
        public Func<ToolInvocation, ToolOutcome>? Outcome { get; init; }
        public bool Forever { get; init; }
        public TaskCompletionSource Begun { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public IReadOnlyList<ToolInvocation> Invocations
        {
            get
            {
                lock (_invocations)
                    return [.. _invocations];
            }
        }

        public IEnumerable<string> Ran => Invocations.Select(invocation => invocation.CallId);

        public async Task<ToolOutcome> ExecuteAsync(ToolInvocation invocation, CancellationToken cancellationToken)
        {
            lock (_invocations)
                _invocations.Add(invocation);
            Begun.TrySetResult();
            try
            {
                if (Forever)
                    await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            }
            finally
            {
                Ended.TrySetResult();
            }
            return Outcome?.Invoke(invocation)
                ?? new ToolOutcome { Result = JsonDocument.Parse($$"""{"ran":"{{invocation.CallId}}"}""").RootElement };
        }
    }

    private sealed class FakeNowhere
    {
        // Port 1 of loopback: nothing listens there without being root.
        public CodeLab.Client.SignIn.ServerAddress Address { get; } = CodeLab.Client.SignIn.ServerAddress.Parse("http://127.0.0.1:1");
    }
}
