using System.Collections.Frozen;

namespace CodeLab.Modules.Llm.Budgets;

/// <summary>Whom a budget is for.</summary>
internal static class BudgetScopes
{
    public const string Everyone = "everyone";
    public const string Team = "team";
    public const string User = "user";
    public const string Key = "key";
    public const string Session = "session";

    /// <summary>Subject of a budget that each one of the scope has for itself.</summary>
    public const string Each = "*";

    public static readonly FrozenSet<string> All = new[] { Everyone, Team, User, Key, Session }.ToFrozenSet(StringComparer.Ordinal);
}

/// <summary>A limit on spending, in billionths of a US dollar.</summary>
/// <param name="Id">Row, or <c>key:ID</c> for the budget an access key brings with it.</param>
/// <param name="Scope">Whom it is for.</param>
/// <param name="Amount">What may be spent in a period; -1 when its currency has no rate: then nothing may.</param>
/// <param name="Period">How long it lasts.</param>
internal sealed record BudgetLimit(string Id, string Scope, long Amount, BudgetPeriod Period);

/// <summary>How long a budget lasts; calendar periods begin at 00:00 UTC, weeks on Monday.</summary>
internal enum BudgetPeriod
{
    Total,
    Day,
    Week,
    Month,
}

internal static class BudgetPeriods
{
    public static BudgetPeriod? Parse(string? text) =>
        text switch
        {
            "total" => BudgetPeriod.Total,
            "day" => BudgetPeriod.Day,
            "week" => BudgetPeriod.Week,
            "month" => BudgetPeriod.Month,
            _ => null,
        };

    /// <summary>Start of the period a moment lies in, in milliseconds; 0 for a total.</summary>
    public static long StartOf(this BudgetPeriod period, DateTimeOffset now)
    {
        var day = new DateTimeOffset(now.UtcDateTime.Date, TimeSpan.Zero);
        return period switch
        {
            BudgetPeriod.Day => day.ToUnixTimeMilliseconds(),
            BudgetPeriod.Week => day.AddDays(-(((int)day.DayOfWeek + 6) % 7)).ToUnixTimeMilliseconds(),
            BudgetPeriod.Month => day.AddDays(1 - day.Day).ToUnixTimeMilliseconds(),
            _ => 0,
        };
    }

    /// <summary>The moment it is renewed; null for a total.</summary>
    public static DateTimeOffset? EndOf(this BudgetPeriod period, DateTimeOffset now)
    {
        var start = DateTimeOffset.FromUnixTimeMilliseconds(period.StartOf(now));
        return period switch
        {
            BudgetPeriod.Day => start.AddDays(1),
            BudgetPeriod.Week => start.AddDays(7),
            BudgetPeriod.Month => start.AddMonths(1),
            _ => null,
        };
    }
}

/// <summary>All budgets of the database, by whom they are for.</summary>
internal sealed class BudgetBook(IReadOnlyDictionary<(string Scope, string Subject), BudgetLimit[]> limits)
{
    public static readonly BudgetBook Empty = new(new Dictionary<(string, string), BudgetLimit[]>());

    private readonly FrozenDictionary<(string Scope, string Subject), BudgetLimit[]> _limits = limits.ToFrozenDictionary();

    public bool IsEmpty => _limits.Count == 0;

    /// <summary>The budgets of a subject, those of "each" included.</summary>
    public void AddTo(List<BudgetCharge> charges, string scope, string subject)
    {
        Add((scope, scope == BudgetScopes.Everyone ? "" : subject));
        if (scope != BudgetScopes.Everyone)
            Add((scope, BudgetScopes.Each));

        void Add((string, string) key)
        {
            if (!_limits.TryGetValue(key, out var found))
                return;
            foreach (var limit in found)
                charges.Add(new BudgetCharge(limit, subject));
        }
    }
}

/// <summary>A budget a call is charged to, and whose share of it.</summary>
internal readonly record struct BudgetCharge(BudgetLimit Limit, string Subject);
