using CodeLab.Protocol.Rest;

namespace CodeLab.Modules.Agent.Events;

/// <summary>Puts stored figures into the published shape.</summary>
internal static class MetricsReportBuilder
{
    public static MetricsFigures Build(IReadOnlyList<(string Counter, string Subject, long Value)> counters)
    {
        var byName = counters.ToLookup(c => c.Counter, StringComparer.Ordinal);
        return new()
        {
            AgentSwitches = byName[Counters.Switches].ToDictionary(c => c.Subject, c => c.Value, StringComparer.Ordinal),
            AgentProcessing = Subjects(byName, Counters.AgentSuccesses, Counters.AgentFailures)
                .ToDictionary(
                    agent => agent,
                    agent =>
                    {
                        var (good, bad) = (Of(byName, Counters.AgentSuccesses, agent), Of(byName, Counters.AgentFailures, agent));
                        return new AgentProcessingFigures
                        {
                            Count = good + bad,
                            TotalDurationMs = Of(byName, Counters.AgentMilliseconds, agent),
                            SuccessCount = good,
                            FailureCount = bad,
                        };
                    },
                    StringComparer.Ordinal
                ),
            ToolExecutions = Subjects(
                    byName,
                    Counters.ToolsRequested,
                    Counters.ToolsCompleted,
                    Counters.ToolsFailed,
                    Counters.ToolApprovals
                )
                .ToDictionary(
                    tool => tool,
                    tool => new ToolExecutionFigures
                    {
                        Requested = Of(byName, Counters.ToolsRequested, tool),
                        Completed = Of(byName, Counters.ToolsCompleted, tool),
                        Failed = Of(byName, Counters.ToolsFailed, tool),
                        RequiresApproval = Of(byName, Counters.ToolApprovals, tool),
                    },
                    StringComparer.Ordinal
                ),
            HitlDecisions = Pairs(byName, Counters.Decisions)
                .ToDictionary(
                    tool => tool.Key,
                    tool => new HitlDecisionFigures
                    {
                        Approve = tool.Value.GetValueOrDefault("APPROVE"),
                        Edit = tool.Value.GetValueOrDefault("EDIT"),
                        Reject = tool.Value.GetValueOrDefault("REJECT"),
                    },
                    StringComparer.Ordinal
                ),
            Errors = Pairs(byName, Counters.Errors)
                .ToDictionary(e => e.Key, e => (IReadOnlyDictionary<string, long>)e.Value, StringComparer.Ordinal),
        };
    }

    public static IReadOnlyDictionary<string, double> Compute(MetricsFigures figures)
    {
        var computed = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (agent, processing) in figures.AgentProcessing)
            computed[agent + "_avg_duration_ms"] = Math.Round((double)processing.TotalDurationMs / Math.Max(1, processing.Count), 3);
        foreach (var (tool, calls) in figures.ToolExecutions)
        {
            if (calls.Completed + calls.Failed > 0)
                computed[tool + "_success_rate"] = Math.Round((double)calls.Completed / (calls.Completed + calls.Failed), 4);
        }
        return computed;
    }

    private static IEnumerable<string> Subjects(ILookup<string, (string, string Subject, long)> byName, params string[] counters) =>
        counters.SelectMany(c => byName[c]).Select(c => c.Subject).Distinct(StringComparer.Ordinal);

    private static long Of(ILookup<string, (string, string Subject, long Value)> byName, string counter, string subject) =>
        byName[counter].Where(c => c.Subject == subject).Sum(c => c.Value);

    private static Dictionary<string, Dictionary<string, long>> Pairs(
        ILookup<string, (string, string Subject, long Value)> byName,
        string counter
    ) =>
        byName[counter]
            .Select(c => (Parts: c.Subject.Split(Counters.Separator, 2), c.Value))
            .GroupBy(c => c.Parts[0], StringComparer.Ordinal)
            .ToDictionary(
                g => g.Key,
                g => g.ToDictionary(c => c.Parts.Length > 1 ? c.Parts[1] : "", c => c.Value, StringComparer.Ordinal),
                StringComparer.Ordinal
            );
}
