using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Users;

namespace CodeLab.Modules.Auth.AccessKeys;

/// <summary>What a key is asked for (design.md §14).</summary>
internal sealed record NewAccessKey(string? Name)
{
    public IReadOnlyList<string>? Scopes { get; init; }
    public IReadOnlyList<string>? Models { get; init; }
    public int? Rpm { get; init; }
    public int? Tpm { get; init; }
    public NewKeyBudget? Budget { get; init; }
    public DateTimeOffset? ExpiresAt { get; init; }
}

/// <summary>A budget as it is asked for and shown.</summary>
internal sealed record NewKeyBudget(decimal Amount, string? Currency, string? Period);

/// <summary>What keys may be.</summary>
internal static class AccessKeyRules
{
    public const int MostPerUser = 100;
    private const int LongestName = 100;
    private const int MostModels = 100;
    private const decimal MostBudget = 1_000_000_000;
    private static readonly string[] _periods = ["total", "day", "week", "month"];

    public static Error NotFound { get; } = new("KEY_NOT_FOUND", "There is no such key, or it has been revoked.", 404);

    public static Error TooMany { get; } =
        new("TOO_MANY_KEYS", $"You have {MostPerUser} keys, which is the most. Revoke one you do not use.", 409);

    /// <summary>
    /// Scopes a person may give to a key: those of the roles, and of the token at hand no more than it has. Only <c>llm:invoke</c> need not be
    /// in the token: it is what keys are for, and everybody who may change things may call models.
    /// </summary>
    public static IReadOnlyList<string> Grantable(ClaimsPrincipal user)
    {
        var held = user.FindFirstValue("scope")?.Split(' ') ?? [];
        var roles = user.GetRoles();
        var mayWrite = roles.Any(r => r is Roles.Admin or Roles.Lead or Roles.Developer);
        var scopes = new List<string>();
        if (held.Contains("api:read"))
            scopes.Add("api:read");
        if (mayWrite && held.Contains("api:write"))
            scopes.Add("api:write");
        if (mayWrite)
            scopes.Add("llm:invoke");
        if (roles.Contains(Roles.Admin) && held.Contains("api:admin"))
            scopes.Add("api:admin");
        return scopes;
    }

    /// <summary>What is wrong; null when nothing is.</summary>
    public static Error? Fault(NewAccessKey key, IReadOnlyList<string> grantable, DateTimeOffset now)
    {
        if (key.Name?.Trim().Length is null or 0 or > LongestName || key.Name.Any(char.IsControl))
            return AccountRules.Invalid("name", $"The name of a key has 1 to {LongestName} characters.");
        if (key.Scopes is { Count: 0 } || key.Scopes?.Any(s => s is null) == true)
            return AccountRules.Invalid("scopes", "Name at least one scope, or leave scopes out.");
        if (key.Scopes?.FirstOrDefault(s => !grantable.Contains(s)) is not null)
        {
            return new("SCOPE_NOT_ALLOWED", $"A key of yours may have: {string.Join(", ", grantable)}.", 403)
            {
                Details = new Dictionary<string, string> { ["field"] = "scopes" },
            };
        }
        if (key.Models is { Count: 0 or > MostModels } || key.Models?.Any(m => !IsModel(m)) == true)
            return AccountRules.Invalid("models", $"Models are 1 to {MostModels} names of A-Z, a-z, 0-9 and ._:/-, or left out for all.");
        if (key.Rpm is < 1 or > 1_000_000)
            return AccountRules.Invalid("rpm", "Requests a minute are 1 to 1,000,000.");
        if (key.Tpm is < 1)
            return AccountRules.Invalid("tpm", "Tokens a minute are 1 or more.");
        if (key.Budget is { } budget && BudgetFault(budget) is { } fault)
            return fault;
        return key.ExpiresAt is { } expires && (expires <= now || expires > now.AddYears(10))
            ? AccountRules.Invalid("expires_at", "The key must expire in the future, within ten years.")
            : null;
    }

    private static Error? BudgetFault(NewKeyBudget budget)
    {
        if (budget.Amount is <= 0 or > MostBudget)
            return AccountRules.Invalid("budget", "The amount of a budget is more than 0 and at most 1,000,000,000.");
        if (budget.Currency is { } currency && (currency.Length != 3 || !currency.All(char.IsAsciiLetterUpper)))
            return AccountRules.Invalid("budget", "The currency is a code of three letters, such as USD.");
        return budget.Period is { } period && !_periods.Contains(period)
            ? AccountRules.Invalid("budget", $"The period is one of {string.Join(", ", _periods)}.")
            : null;
    }

    private static bool IsModel(string? name) =>
        name is { Length: > 0 and <= 128 }
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or ':' or '/' or '-' or '*')
        && !name.Contains("..", StringComparison.Ordinal);
}
