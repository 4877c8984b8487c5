using System.Globalization;
using CodeLab.Client.Sessions;
using CodeLab.Protocol.Frames;

namespace CodeLab.Cli.Chat;

/// <summary>Agent, model, tokens, cost: one line.</summary>
internal static class StatusLine
{
    /// <summary>After a turn.</summary>
    public static string AfterTurn(SessionState state, TimeSpan? elapsed)
    {
        var parts = new List<string> { state.Agent };
        if ((state.Usage?.Model ?? state.Info?.Model) is { } model)
            parts.Add(model);
        var usage = state.Turn.Usage ?? state.Usage?.Call;
        if (usage is not null)
            parts.Add($"{Count(usage.InputTokens)} in, {Count(usage.OutputTokens)} out");
        if (usage?.Cost is { } cost)
            parts.Add(Money(cost));
        if (state.Usage is { Session: { } session })
        {
            var total = session.Cost is { } sum ? $", {Money(sum)}" : "";
            parts.Add($"session {Count(session.InputTokens + session.OutputTokens)} tokens{total}");
        }
        if (ContextShare(state.Usage) is { } share)
            parts.Add($"context {share}%");
        if (elapsed is { } time)
            parts.Add(Approvals.ToolLine.Duration(time));
        return string.Join(" · ", parts);
    }

    internal static string Count(long tokens) =>
        tokens < 10_000
            ? tokens.ToString("N0", CultureInfo.InvariantCulture)
            : string.Create(CultureInfo.InvariantCulture, $"{tokens / 1000.0:0.#}k");

    internal static string Money(decimal dollars) =>
        dollars < 0.01m && dollars > 0
            ? string.Create(CultureInfo.InvariantCulture, $"${dollars:0.0000}")
            : string.Create(CultureInfo.InvariantCulture, $"${dollars:0.00}");

    private static int? ContextShare(UsageFrame? usage) =>
        usage is { ContextWindow: > 0 and var window } ? (int)Math.Min(100, usage.Call.InputTokens * 100 / window) : null;
}
