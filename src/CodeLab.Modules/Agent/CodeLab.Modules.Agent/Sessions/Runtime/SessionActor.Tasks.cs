using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Frames;
using CodeLab.Protocol.Frames;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>The actor's side of tasks: as one that gives them, and as one that does one.</summary>
internal sealed partial class SessionActor
{
    private readonly TaskFollower _tasks;

    /// <summary>Begins the task of this session unless that was done, and says who runs its calls now.</summary>
    public Task<Result<MediatR.Unit>> BeginTaskAsync(TaskOrder.Begin order) =>
        AskAsync<MediatR.Unit>(async () =>
        {
            if (_state.IsNew)
            {
                var create = new EngineInput.Create(order.Owner, order.Task.Title, order.Task.Agent, order.Model) { Task = order.Origin };
                await HandleAsync(create);
            }
            // Before it begins: what the client runs is what its model is offered.
            await HandleAsync(new EngineInput.Executor(order.Executor));
            if (_state is { TaskOutcome: null, Turn: null, Queue.Count: 0, Deleted: false })
            {
                var message = new SessionInput.Message(order.Task.CallId, order.Task.Task, null, null, null);
                await HandleAsync(new EngineInput.Said(new SessionCaller(order.Owner, "server"), message));
            }
            _tasks.Remind(_state);
            return MediatR.Unit.Value;
        });

    /// <summary>A task this session gave is over.</summary>
    public Task<Result<MediatR.Unit>> EndTaskAsync(TaskOrder.Report report) =>
        AskAsync<MediatR.Unit>(async () =>
        {
            var (status, text, steps, usage) = report.Outcome;
            await HandleAsync(new EngineInput.TaskEnded(report.ChildId, status, text, steps, usage));
            return MediatR.Unit.Value;
        });

    /// <summary>Sessions that do tasks of this one now.</summary>
    public Task<Result<List<string>>> OpenTasksAsync() =>
        AskAsync<List<string>>(() =>
        {
            List<string> open = [.. _state.Turn?.Tasks.Where(t => t.Status is null).Select(t => t.Order.ChildId) ?? []];
            return Task.FromResult<Result<List<string>>>(open);
        });

    /// <summary>Whether a call is this session's.</summary>
    public Task<Result<bool>> HasCallAsync(string callId) =>
        AskAsync<bool>(() => Task.FromResult<Result<bool>>(_state.FindCall(callId) is not null || _state.Ended.ContainsKey(callId)));

    /// <summary>Calls of this task that wait for a person or for a client, as they are shown where people are attached.</summary>
    public Task<Result<List<ToolCallFrame>>> OpenCallsAsync(string clientId) =>
        AskAsync<List<ToolCallFrame>>(() =>
        {
            List<ToolCallFrame> frames = [];
            foreach (var call in _state.Turn?.Calls ?? [])
            {
                if (call.Stage == CallStage.AwaitingApproval || (call.Stage == CallStage.Dispatched && call.Executor == clientId))
                    frames.Add((ToolCallFrame)Above(FrameMapper.OpenCall(_state, call, redelivered: call.Stage == CallStage.Dispatched))!);
            }
            return Task.FromResult<Result<List<ToolCallFrame>>>(frames);
        });

    /// <summary>Sends again what other sessions must know of tasks: an order may have been lost.</summary>
    public Task RemindTasksAsync() =>
        _state is { Task: null, Turn: null or { Tasks.Count: 0 } }
            ? Task.CompletedTask
            : PostAsync(() =>
            {
                _tasks.Remind(_state);
                return Task.CompletedTask;
            });

    /// <summary>A frame of a task as it is shown above; null for those that are not.</summary>
    private SessionFrame? Above(SessionFrame frame) =>
        _state.Task is { } task && frame is ToolCallFrame or ToolResultFrame or ApprovalResolvedFrame
            ? frame with
            {
                SessionId = _state.Task!.RootId,
                TaskId = SessionId,
                Seq = null,
            }
            : null;
}
