using System.Text.Json;

namespace CodeLab.Protocol.Frames;

/// <summary>An agent gave a task to another one, which does it in a session of its own.</summary>
public sealed record TaskStartedFrame : SessionFrame
{
    /// <summary>The call that the task answers; of a subtask, that of its plan.</summary>
    public required string CallId { get; init; }

    /// <summary>The session that does it; <c>GET /api/v1/sessions/{id}/history</c> shows how.</summary>
    public required string ChildId { get; init; }

    /// <summary>The agent that does it.</summary>
    public required string Agent { get; init; }

    /// <summary>A few words.</summary>
    public required string Title { get; init; }

    /// <summary>What it was told.</summary>
    public required string Content { get; init; }

    /// <summary>Number of the plan's subtask, from 1; absent outside of a plan.</summary>
    public int? Subtask { get; init; }

    /// <summary>Model steps it may take.</summary>
    public int MaxSteps { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? Timestamp { get; init; }
}

/// <summary>A task is over.</summary>
public sealed record TaskEndedFrame : SessionFrame
{
    /// <summary>The call that the task answers.</summary>
    public required string CallId { get; init; }

    /// <summary>The session that did it.</summary>
    public required string ChildId { get; init; }

    /// <summary><c>completed</c>, <c>failed</c> or <c>cancelled</c>.</summary>
    public required string Status { get; init; }

    /// <summary>What its agent tells.</summary>
    public required string Content { get; init; }

    /// <summary>Number of the plan's subtask, from 1; absent outside of a plan.</summary>
    public int? Subtask { get; init; }

    /// <summary>Model steps it took.</summary>
    public int Steps { get; init; }

    /// <summary>Tokens and money of it; counted in the turn as well.</summary>
    public TokenUsage? Usage { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? Timestamp { get; init; }
}

/// <summary>A plan waits for a person: decide on its call to approve, edit (with changed arguments) or reject it.</summary>
public sealed record PlanApprovalRequiredFrame : SessionFrame
{
    /// <summary>The call; names the plan in every later frame.</summary>
    public required string CallId { get; init; }

    /// <summary>The plan as arguments of <c>create_plan</c>: <c>title</c>, <c>description</c>, <c>subtasks[]</c>.</summary>
    public required JsonElement Plan { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? Timestamp { get; init; }
}

/// <summary>A plan was approved and is carried out; each subtask is told by <c>task_started</c> and <c>task_ended</c>.</summary>
public sealed record PlanUpdateFrame : SessionFrame
{
    /// <summary>The plan.</summary>
    public required string PlanId { get; init; }

    /// <summary>What it achieves.</summary>
    public required string Title { get; init; }

    /// <summary>Its subtasks, in their order.</summary>
    public required IReadOnlyList<PlanStep> Steps { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? Timestamp { get; init; }
}

/// <summary>A subtask of a plan that is carried out.</summary>
public sealed record PlanStep
{
    /// <summary>Number, from 1.</summary>
    public int Id { get; init; }

    /// <summary>A few words.</summary>
    public required string Desc { get; init; }

    /// <summary>The agent that does it.</summary>
    public required string Agent { get; init; }

    /// <summary>Numbers of those that must be done before.</summary>
    public required IReadOnlyList<int> Dependencies { get; init; }
}

/// <summary>A plan is over.</summary>
public sealed record PlanCompletedFrame : SessionFrame
{
    /// <summary>The plan.</summary>
    public required string PlanId { get; init; }

    /// <summary><c>completed</c>, <c>failed</c> (a subtask was, and what depended on it was not begun) or <c>cancelled</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Subtasks done.</summary>
    public int Completed { get; init; }

    /// <summary>Subtasks in all.</summary>
    public int Total { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? Timestamp { get; init; }
}
