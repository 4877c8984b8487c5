using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Threading.Channels;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Agent;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Llm.Chat;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using MediatR;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace CodeLab.Benchmarks.Agent;

/// <summary>
/// What a turn costs beside its model: the real module on SQLite with synchronous=FULL, a model that answers at once, and a client that
/// answers each call at once. Turns with 0, 1 and 3 calls, each call a model step of its own; and turn 100 of a session beside turn 5.
/// </summary>
internal static class TurnOverhead
{
    private const int _turns = 300;
    private const int _sessions = 10;

    public static async Task RunAsync()
    {
        var folder = Directory.CreateTempSubdirectory("codelab-bench-").FullName;
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton(Options.Create(new DatabaseOptions { DataDirectory = folder }));
        builder.Services.AddSingleton<Database>();
        builder.Services.AddSingleton<StartupGate>();
        builder.Services.AddSingleton<DrainState>();
        builder.Services.AddSingleton<Client>();
        builder.Services.AddTransient<IStreamRequestHandler<StreamChatQuery, ChatUpdate>, Model>();
        builder.Services.AddTransient<INotificationHandler<SessionFramePublished>, Frames>();
        builder.AddAgentModule();
        var host = builder.Build();
        await using (var scope = host.Services.CreateAsyncScope())
            await scope.ServiceProvider.GetRequiredService<AgentDbContext>().Database.MigrateAsync();
        var client = host.Services.GetRequiredService<Client>();
        var answering = client.RunAsync();

        foreach (var calls in new[] { 0, 1, 3 })
        {
            var times = new List<double>();
            await client.SitDownAsync($"warm-{calls}");
            for (var turn = 0; turn < 30; turn++)
                await client.TurnAsync($"warm-{calls}", calls);
            for (var turn = 0; turn < _turns; turn++)
            {
                // A session of 30 turns each: the cost of length is measured apart.
                if (turn % 30 == 0)
                    await client.SitDownAsync($"s-{calls}-{turn}");
                times.Add(await client.TurnAsync($"s-{calls}-{turn - (turn % 30)}", calls));
            }
            times.Sort();
            Console.WriteLine(
                $"{calls} calls: p50 {times[_turns / 2]:N2} ms   p99 {times[_turns * 99 / 100]:N2} ms   (goal p50 {calls switch { 0 => 3, 1 => 8, _ => 15 }})"
            );
        }

        var (early, late) = (new List<double>(), new List<double>());
        for (var session = 0; session < _sessions; session++)
        {
            await client.SitDownAsync($"long-{session}");
            for (var turn = 1; turn <= 102; turn++)
            {
                var time = await client.TurnAsync($"long-{session}", 1);
                if (turn is >= 3 and <= 7)
                    early.Add(time);
                if (turn >= 98)
                    late.Add(time);
            }
        }
        early.Sort();
        late.Sort();
        Console.WriteLine(
            $"turn 100 {late[late.Count / 2]:N2} ms, turn 5 {early[early.Count / 2]:N2} ms   ratio {late[late.Count / 2] / early[early.Count / 2]:N2} (goal 1.5)"
        );

        client.Stop();
        await answering;
        await ((IAsyncDisposable)host).DisposeAsync();
        SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>Makes as many calls, one a step, as the last message says.</summary>
    private sealed class Model : IStreamRequestHandler<StreamChatQuery, ChatUpdate>
    {
        public async IAsyncEnumerable<ChatUpdate> Handle(
            StreamChatQuery request,
            [EnumeratorCancellation] CancellationToken cancellationToken
        )
        {
            await Task.CompletedTask;
            var asked = 0;
            for (var i = request.Messages.Count - 1; i >= 0 && request.Messages[i].Role != ChatRole.User; i--)
                asked += request.Messages[i].Role == ChatRole.Tool ? 1 : 0;
            var wanted = int.Parse(
                request.Messages.Last(m => m.Role == ChatRole.User).Text.Split(' ')[0],
                System.Globalization.CultureInfo.InvariantCulture
            );
            if (asked < wanted)
                yield return new ChatUpdate.ToolCall("m1", "read_file", $$"""{"path":"src/file{{asked}}.cs"}""");
            else
                yield return new ChatUpdate.TextDelta("It is done, and this is what I found.");
            yield return new ChatUpdate.Completed("bench", "bench", "stop", new TokenUsage { InputTokens = 9, OutputTokens = 3 }, null);
        }
    }

    private sealed class Frames(Client client) : INotificationHandler<SessionFramePublished>
    {
        public Task Handle(SessionFramePublished notification, CancellationToken cancellationToken)
        {
            client.Hear(notification.Frame);
            return Task.CompletedTask;
        }
    }

    private sealed class Client(IServiceScopeFactory scopes)
    {
        private static readonly SessionCaller _caller = new("bench", "hub", "c1");
        private static readonly JsonElement _result = JsonSerializer.SerializeToElement(new { content = "some text that came back" });
        private readonly Channel<ToolCallFrame> _calls = Channel.CreateUnbounded<ToolCallFrame>();
        private TaskCompletionSource _ended = new();

        public void Hear(SessionFrame frame)
        {
            if (frame is ToolCallFrame { RequiresApproval: false } call)
                _calls.Writer.TryWrite(call);
            else if (frame is TurnCompletedFrame or TurnFailedFrame)
                _ended.TrySetResult();
        }

        public Task SitDownAsync(string session) =>
            SendAsync(
                new AttachSessionCommand(
                    _caller,
                    new AttachRequest
                    {
                        SessionId = session,
                        Client = new ClientInfo { Id = "exec", Platform = "linux" },
                        Tools = [JsonSerializer.SerializeToElement("read_file")],
                    }
                )
            );

        public async Task<double> TurnAsync(string session, int calls)
        {
            _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
            var begun = Stopwatch.GetTimestamp();
            await SendAsync(
                new AcceptInputCommand(_caller, session, new SessionInput.Message(null, $"{calls} files, please", "coder", null, null))
            );
            await _ended.Task;
            return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        }

        public async Task RunAsync()
        {
            await foreach (var call in _calls.Reader.ReadAllAsync())
                await SendAsync(
                    new AcceptInputCommand(_caller, call.SessionId, new SessionInput.ToolResult(call.CallId, _result, null, null))
                );
        }

        public void Stop() => _calls.Writer.Complete();

        private async Task SendAsync<T>(IRequest<BuildingBlocks.Results.Result<T>> request)
        {
            await using var scope = scopes.CreateAsyncScope();
            var answer = await scope.ServiceProvider.GetRequiredService<ISender>().Send(request);
            if (answer.Error is { } error)
                throw new InvalidOperationException(error.Message);
        }
    }
}
