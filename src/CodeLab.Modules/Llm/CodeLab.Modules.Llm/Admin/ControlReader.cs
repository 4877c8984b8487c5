using System.Collections.Frozen;
using System.Data.Common;
using System.Text.Json;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Llm.Admission;
using CodeLab.Modules.Llm.Budgets;
using CodeLab.Modules.Llm.Persistence;
using CodeLab.Modules.Llm.Persistence.Rows;
using CodeLab.Modules.Llm.Pricing;
using CodeLab.Modules.Llm.Providers;
using CodeLab.Modules.Llm.Providers.Storage;
using CodeLab.Modules.Llm.Routing;

namespace CodeLab.Modules.Llm.Admin;

/// <summary>Reads a snapshot of what administrators have set. A row that can not be understood is left out and never stops the others.</summary>
internal sealed class ControlReader(Database database, IEnumerable<IProviderKind> kinds, ProviderSecrets secrets)
{
    public const string ProviderColumns =
        "id, name, kind, base_url, models, settings, allow_private_network, enabled, secret_cipher, wrapped_data_key, kek_id, secret_last4, "
        + "created_at, updated_at";

    private readonly Dictionary<string, IProviderKind> _kinds = kinds.ToDictionary(k => k.Kind, StringComparer.Ordinal);

    public async Task<long> ReadVersionAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await VersionAsync(connection, null);
    }

    public async Task<ControlSnapshot> ReadAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        // The version first: a change that comes while we read makes it older than what we read, and we read again.
        var version = await VersionAsync(connection, null);
        var providers = await connection.ReadAsync($"SELECT {ProviderColumns} FROM llm_providers ORDER BY name", null, Provider);
        var routes = await connection.ReadAsync(
            "SELECT id, name, description, strategy, targets FROM llm_routes WHERE enabled",
            null,
            Route
        );
        var rules = await connection.ReadAsync(
            "SELECT scope, subject, models, requests_per_minute, tokens_per_minute, concurrent FROM llm_access_rules",
            null,
            row => (Key: (row.GetString(0), row.GetString(1)), Rule: Rule(row))
        );
        var prices = await connection.ReadAsync(
            "SELECT model, price FROM llm_prices",
            null,
            row => (Model: row.GetString(0), Price: JsonSerializer.Deserialize(row.GetString(1), PriceJson.Default.Price)!)
        );
        var settings = await connection.ReadAsync(
            "SELECT name, value, number FROM llm_settings",
            null,
            row => (Name: row.GetString(0), Value: row.Text(1), Number: row.GetInt64(2))
        );
        var rates = settings.Find(s => s.Name == ControlSettings.Currencies).Value;
        var currencies = rates is null
            ? Currencies.None
            : new Currencies(JsonSerializer.Deserialize(rates, PriceJson.Default.DictionaryStringDecimal)!);
        var until = settings.Find(s => s.Name == ControlSettings.ContentUntil).Number;
        return new ControlSnapshot
        {
            Version = version,
            Providers = [.. providers.Select(p => StoredProvider.From(p, _kinds, secrets))],
            Routes = routes.Where(r => r.Targets.Count > 0).ToFrozenDictionary(r => r.Name, StringComparer.Ordinal),
            Rules = rules.ToFrozenDictionary(r => r.Key, r => r.Rule),
            Prices = prices.ToFrozenDictionary(p => p.Model, p => p.Price, StringComparer.OrdinalIgnoreCase),
            Currencies = currencies,
            Budgets = await BudgetsAsync(connection, currencies),
            ContentUntil = until > 0 ? DateTimeOffset.FromUnixTimeMilliseconds(until) : null,
        };
    }

    public static async Task<long> VersionAsync(DbConnection connection, DbTransaction? transaction)
    {
        var found = await connection.ReadAsync(
            "SELECT number FROM llm_settings WHERE name = @n",
            transaction,
            row => row.GetInt64(0),
            ("@n", ControlSettings.Version)
        );
        return found is [var version] ? version : 0;
    }

    public static ProviderRow Provider(DbDataReader row) =>
        new()
        {
            Id = row.GetString(0),
            Name = row.GetString(1),
            Kind = row.GetString(2),
            BaseUrl = row.Text(3),
            Models = row.GetString(4),
            Settings = row.GetString(5),
            AllowPrivateNetwork = row.GetBoolean(6),
            Enabled = row.GetBoolean(7),
            SecretCipher = row.Bytes(8),
            WrappedDataKey = row.Bytes(9),
            KekId = row.Text(10),
            SecretLast4 = row.Text(11),
            CreatedAt = row.GetInt64(12),
            UpdatedAt = row.GetInt64(13),
        };

    private static Route Route(DbDataReader row) =>
        new(
            row.GetString(0),
            row.GetString(1),
            row.Text(2),
            row.GetString(3) == Routing.Route.Weighted,
            JsonSerializer.Deserialize(row.GetString(4), RouteJson.Default.ListRouteTarget) ?? []
        );

    private static AccessRule Rule(DbDataReader row) =>
        new(
            row.Text(2) is { } models
                ? new PermittedModels(JsonSerializer.Deserialize(models, StorageJson.Default.ListString) ?? [])
                : null,
            (int?)row.Number(3),
            (int?)row.Number(4),
            (int?)row.Number(5)
        );

    private static async Task<BudgetBook> BudgetsAsync(DbConnection connection, Currencies currencies)
    {
        var rows = await connection.ReadAsync(
            "SELECT id, scope, subject, period, amount_micros, currency FROM llm_budgets WHERE enabled",
            null,
            row =>
                (
                    Key: (row.GetString(1), row.GetString(2)),
                    Limit: new BudgetLimit(
                        row.GetString(0),
                        row.GetString(1),
                        Nanos(row.GetInt64(4), row.GetString(5), currencies),
                        BudgetPeriods.Parse(row.GetString(3)) ?? BudgetPeriod.Total
                    )
                )
        );
        return new BudgetBook(rows.GroupBy(r => r.Key).ToDictionary(g => g.Key, g => g.Select(r => r.Limit).ToArray()));
    }

    /// <summary>Nanos of US dollars; a currency without a rate lets nothing be spent.</summary>
    public static long Nanos(long micros, string currency, Currencies currencies) =>
        currencies.ToDollars(micros, currency) is { } dollarMicros ? (long)Math.Floor(dollarMicros * 1_000m) : -1;
}

/// <summary>Names in <c>llm_settings</c>.</summary>
internal static class ControlSettings
{
    public const string Version = "version";
    public const string Currencies = "currencies";
    public const string ContentUntil = "content_until";
}
