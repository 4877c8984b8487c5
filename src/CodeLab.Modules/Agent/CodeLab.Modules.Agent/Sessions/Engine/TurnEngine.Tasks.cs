using System.Globalization;
using System.Text;
using System.Text.Json;
using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Agent.Tools;
using CodeLab.Protocol;

namespace CodeLab.Modules.Agent.Sessions.Engine;

/// <summary>
/// Tasks that sessions of their own do, and plans made of them. The engine commits the intent and waits for the outcome; the session that
/// works is made, told and stopped by what the log says is open, so that it survives a crash on either side.
/// </summary>
internal sealed partial class TurnEngine
{
    private const string _delegateTask = "delegate_task";
    private const string _createPlan = "create_plan";
    private const string _completed = "completed";
    private const int _carriedCharacters = 8_000;

    private bool MayOffer(SessionState state, ToolDefinition tool)
    {
        switch (tool.Name)
        {
            case _delegateTask:
                return (state.Task?.Depth ?? 0) < limits.TaskDepth;
            case _createPlan:
                return state.Task is null && limits.TaskDepth > 0 && state.Executor?.Plans == true;
            // A task is done by the one it was given to, and nobody is there to be asked.
            case "switch_mode" or "ask_followup_question":
                return state.Task is null;
        }
        return state.Task?.Tools is not { } only || tool.Kind == ToolKind.Server || only.Contains(tool.Name);
    }

    private void Delegate(Step step, RequestedCall call)
    {
        var (state, turn) = (step.State, step.State.Turn!);
        var name = Text(call, "agent");
        if (agents.Find(name) is not { } agent || agent.Type == AgentCatalog.Orchestrator)
        {
            Deny(step, call, "INVALID_ARGUMENTS", $"There is no agent '{name}' to give a task to.");
            return;
        }
        if (turn.Tasks.Count >= limits.TasksPerTurn)
        {
            Deny(step, call, "TASK_LIMIT", $"A turn gives at most {limits.TasksPerTurn} tasks. Do the rest yourself.");
            return;
        }
        if (turn.Tasks.Count(t => t.Status is null) >= limits.TasksAtOnce)
        {
            Deny(step, call, "TOO_MANY_CALLS", $"At most {limits.TasksAtOnce} tasks run at once. Give this one again in your next step.");
            return;
        }
        if (ToolsOf(call, agent, out var tools) is { } problem)
        {
            Deny(step, call, "INVALID_ARGUMENTS", problem);
            return;
        }
        var steps = call.Arguments.TryGetProperty("max_steps", out var asked) ? asked.GetInt32() : limits.TaskSteps;
        step.Emit(
            new TaskDelegated(
                call.CallId,
                step.NewId("task_"),
                agent.Type,
                Text(call, "title"),
                Text(call, "task"),
                tools,
                Math.Clamp(steps, 1, limits.TaskSteps),
                limits.TaskTokens
            )
        );
    }

    private static string? ToolsOf(RequestedCall call, AgentDefinition agent, out IReadOnlyList<string>? tools)
    {
        tools = null;
        if (!call.Arguments.TryGetProperty("tools", out var given))
            return null;
        var names = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var entry in given.EnumerateArray())
        {
            if (ToolCatalog.Find(entry.GetString() ?? "") is not { } tool || !agent.Allows(tool))
                return $"The {agent.Type} agent has no tool '{entry.GetString()}'. It has: {string.Join(", ", agent.Tools)}.";
            names.Add(tool.Name);
        }
        tools = [.. names];
        return null;
    }

    private static string Text(RequestedCall call, string name) =>
        call.Arguments.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private void ProposePlan(Step step, RequestedCall call)
    {
        if (PlanReading.Read(call.Arguments, limits.PlanSubtasks).Problem is { } problem)
            Deny(step, call, "INVALID_ARGUMENTS", problem);
        else
            step.Emit(new ApprovalRequested(call.CallId, call.ToolName, "A plan is carried out only when a person approves it"));
    }

    private void StartReadyPlan(Step step)
    {
        if (step.State.Turn?.Calls.Find(c => c.Stage == CallStage.Ready && c.ToolName == _createPlan) is not { } call)
            return;
        var plan = PlanReading.Read(call.Arguments, limits.PlanSubtasks);
        step.Emit(new PlanStarted(call.CallId, plan.Title, plan.Description, plan.Subtasks));
        NextSubtask(step);
    }

    /// <summary>Gives the next subtask whose dependencies are done; ends the plan when none can be given any more.</summary>
    private void NextSubtask(Step step)
    {
        var turn = step.State.Turn!;
        if (turn.Plan is not { } plan)
            return;
        var given = turn.Tasks.Where(t => t.Order.CallId == plan.CallId).ToDictionary(t => t.Order.Subtask!.Value);
        // One after the other: they work in the same files.
        if (given.Values.Any(t => t.Status is null))
            return;
        var next = plan.Subtasks.FirstOrDefault(s =>
            !given.ContainsKey(s.Number) && s.Dependencies.All(d => given.TryGetValue(d, out var before) && before.Status == _completed)
        );
        if (next is not null)
        {
            step.Emit(
                new TaskDelegated(
                    plan.CallId,
                    step.NewId("task_"),
                    next.Agent,
                    next.Title,
                    TextOf(next, given),
                    null,
                    limits.TaskSteps,
                    limits.TaskTokens
                )
                {
                    Subtask = next.Number,
                }
            );
            return;
        }
        var isDone = given.Count == plan.Subtasks.Count && given.Values.All(t => t.Status == _completed);
        var report = JsonSerializer.SerializeToElement(Report(plan, given), ProtocolJson.Default.String);
        EndPlan(step, plan.CallId, isDone ? _completed : "failed");
        step.Emit(new CallEnded(plan.CallId, _createPlan, CallStatus.Result, report, null, null));
    }

    private static void EndPlan(Step step, string callId, string status)
    {
        if (step.State.Turn?.Plan is not { } plan || plan.CallId != callId)
            return;
        var done = step.State.Turn.Tasks.Count(t => t.Order.CallId == callId && t.Status == _completed);
        step.Emit(new PlanEnded(callId, status, done, plan.Subtasks.Count));
    }

    private static string TextOf(PlanSubtask subtask, Dictionary<int, TaskState> given)
    {
        var text = new StringBuilder(subtask.Title).Append("\n\n").Append(subtask.Description);
        foreach (var number in subtask.Dependencies)
        {
            var before = given[number];
            text.Append(CultureInfo.InvariantCulture, $"\n\nDone before, as its agent tells ({before.Order.Title}):\n");
            text.Append(Cut(before.Text ?? ""));
        }
        return text.ToString();
    }

    private static string Report(PlanState plan, Dictionary<int, TaskState> given)
    {
        var text = new StringBuilder();
        foreach (var subtask in plan.Subtasks)
        {
            var task = given.GetValueOrDefault(subtask.Number);
            text.Append(CultureInfo.InvariantCulture, $"{subtask.Number}. {subtask.Title} ({subtask.Agent}): ");
            text.Append(task?.Status ?? "not begun, because what it depends on was not done").Append('\n');
            if (task?.Text is { Length: > 0 } came)
                text.Append(Cut(came)).Append('\n');
            text.Append('\n');
        }
        return text.ToString().TrimEnd();
    }

    private static string Cut(string text) => text.Length <= _carriedCharacters ? text : text[.._carriedCharacters] + "\n…";

    private void TaskOver(Step step, EngineInput.TaskEnded ended)
    {
        if (step.State.Turn is not { } turn || turn.Tasks.Find(t => t.Order.ChildId == ended.ChildId) is not { Status: null } task)
            return;
        var text = ended.Text.Length <= limits.ResultBytes ? ended.Text : ended.Text[..limits.ResultBytes];
        var order = task.Order;
        step.Emit(new TaskEnded(order.CallId, order.ChildId, ended.Status, text, ended.Steps, ended.Usage) { Subtask = order.Subtask });
        if (order.Subtask is not null)
        {
            NextSubtask(step);
        }
        else
        {
            var isDone = ended.Status == _completed;
            JsonElement? result = isDone ? JsonSerializer.SerializeToElement(text, ProtocolJson.Default.String) : null;
            step.Emit(
                new CallEnded(
                    order.CallId,
                    _delegateTask,
                    isDone ? CallStatus.Result : CallStatus.Error,
                    result,
                    isDone ? null : text,
                    isDone ? null
                        : ended.Status == "cancelled" ? "TASK_CANCELLED"
                        : "TASK_FAILED"
                )
            );
        }
        ContinueAfterCalls(step);
    }
}
