using System.Text.Json;
using CodeLab.Modules.Agent.Sessions.Log;

namespace CodeLab.Modules.Agent.Sessions.Engine;

/// <summary>A plan as the arguments of <c>create_plan</c> say it, or what is wrong with them beyond their schema.</summary>
internal sealed record PlanReading(string Title, string? Description, IReadOnlyList<PlanSubtask> Subtasks, string? Problem)
{
    /// <summary>Reads arguments that fit the tool's schema.</summary>
    public static PlanReading Read(JsonElement arguments, int mostSubtasks)
    {
        var subtasks = new List<PlanSubtask>();
        foreach (var entry in arguments.GetProperty("subtasks").EnumerateArray())
        {
            subtasks.Add(
                new(
                    subtasks.Count + 1,
                    Text(entry, "title") ?? "",
                    Text(entry, "description") ?? "",
                    Text(entry, "agent") ?? "",
                    entry.TryGetProperty("estimated_time_minutes", out var minutes) ? minutes.GetInt32() : null,
                    entry.TryGetProperty("dependencies", out var before)
                        ? [.. before.EnumerateArray().Select(d => d.GetInt32()).Distinct()]
                        : []
                )
            );
        }
        return new(Text(arguments, "title") ?? "", Text(arguments, "description"), subtasks, ProblemOf(subtasks, mostSubtasks));
    }

    private static string? ProblemOf(List<PlanSubtask> subtasks, int most)
    {
        if (subtasks.Count > most)
            return $"A plan has at most {most} subtasks; this one has {subtasks.Count}. Put together what belongs together.";
        foreach (var subtask in subtasks)
        {
            if (subtask.Dependencies.Any(d => d < 1 || d > subtasks.Count))
                return $"Subtask {subtask.Number} depends on one that is not there: dependencies are numbers from 1 to {subtasks.Count}.";
        }
        // What can be done first is taken away until nothing is left; what stays waits for itself.
        var done = new HashSet<int>();
        while (subtasks.Find(s => !done.Contains(s.Number) && s.Dependencies.All(done.Contains)) is { } next)
            done.Add(next.Number);
        return subtasks.Find(s => !done.Contains(s.Number)) is { } circle
            ? $"Subtask {circle.Number} waits for itself through its dependencies: remove the circle."
            : null;
    }

    private static string? Text(JsonElement from, string name) =>
        from.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
