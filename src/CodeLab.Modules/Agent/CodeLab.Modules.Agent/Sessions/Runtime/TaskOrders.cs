using System.Threading.Channels;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>Something that one session has to tell another about a task. Lost ones are made anew from what the logs say is open.</summary>
internal abstract record TaskOrder(string ChildId)
{
    /// <summary>The task is to be done; told again whenever the parent's client changes, and after a restart.</summary>
    public sealed record Begin(TaskDelegated Task, TaskOrigin Origin, string Owner, string? Model, ExecutorProfile? Executor)
        : TaskOrder(Task.ChildId);

    /// <summary>Nobody waits for it any more.</summary>
    public sealed record Stop(string Child, string Owner) : TaskOrder(Child);

    /// <summary>It is over.</summary>
    public sealed record Report(string Child, string ParentId, TaskOutcome Outcome) : TaskOrder(Child);
}

/// <summary>Orders on their way. Those about one task keep their order; sessions never wait for each other.</summary>
internal sealed class TaskOrders
{
    private const int _lanes = 8;
    private const int _laneSize = 1024;

    private readonly Channel<TaskOrder>[] _channels =
    [
        .. Enumerable.Range(0, _lanes).Select(_ => Channel.CreateBounded<TaskOrder>(new BoundedChannelOptions(_laneSize))),
    ];

    public IEnumerable<ChannelReader<TaskOrder>> Lanes => _channels.Select(c => c.Reader);

    /// <summary>Sends an order; false when too many wait: the keeper sends it again.</summary>
    public bool Send(TaskOrder order) =>
        _channels[(uint)order.ChildId.GetHashCode(StringComparison.Ordinal) % _lanes].Writer.TryWrite(order);
}

/// <summary>Follows one session's tasks: begins what its log says is open, stops what no longer is, reports when it is one itself.</summary>
internal sealed class TaskFollower(TaskOrders orders)
{
    private readonly Dictionary<string, TaskDelegated> _open = new(StringComparer.Ordinal);
    private string? _executor;
    private bool _reported;

    /// <summary>Looks at a session after every step.</summary>
    public void Follow(SessionState state)
    {
        if (state is { Task: { } origin, TaskOutcome: { } outcome } && !_reported)
            _reported = orders.Send(new TaskOrder.Report(state.Id, origin.ParentId, outcome));
        if (_open.Count == 0 && state.Turn is not { Tasks.Count: > 0 })
            return;
        var executor = state.ExecutorOnline ? state.Executor?.Id : null;
        var isOther = executor != _executor;
        _executor = executor;
        foreach (var task in state.Turn?.Tasks ?? [])
        {
            if (task.Status is not null)
            {
                if (_open.Remove(task.Order.ChildId) && task.Status == TaskState.Abandoned)
                    orders.Send(new TaskOrder.Stop(task.Order.ChildId, state.Owner));
            }
            else if (!_open.ContainsKey(task.Order.ChildId) || isOther)
                Begin(state, task.Order);
        }
        foreach (var (child, _) in _open.ToArray())
        {
            if (state.Turn?.Tasks.Exists(t => t.Order.ChildId == child) == true)
                continue;
            _open.Remove(child);
            orders.Send(new TaskOrder.Stop(child, state.Owner));
        }
    }

    /// <summary>Sends everything again; what is known there changes nothing.</summary>
    public void Remind(SessionState state)
    {
        _reported = false;
        _open.Clear();
        Follow(state);
    }

    private void Begin(SessionState state, TaskDelegated task)
    {
        var origin = new TaskOrigin(
            state.Id,
            state.Task?.RootId ?? state.Id,
            task.CallId,
            (state.Task?.Depth ?? 0) + 1,
            task.Tools,
            task.MaxSteps,
            task.MaxTokens
        )
        {
            Autonomy = state.Autonomy,
            Authors = [.. state.Turn!.Authors.Distinct(StringComparer.Ordinal)],
        };
        var begin = new TaskOrder.Begin(task, origin, state.Owner, state.Model, state.ExecutorOnline ? state.Executor : null);
        if (orders.Send(begin))
            _open[task.ChildId] = task;
    }
}
