using System.Text.Json;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Persistence;
using MediatR;

namespace CodeLab.Modules.Llm.Pricing;

/// <summary>The price list as administrators see and change it.</summary>
internal sealed class PriceAdmin(ControlStore control, ModelFactsBook facts, TimeProvider time)
    : IRequestHandler<ListPricesQuery, PriceList>,
        IRequestHandler<SetPriceCommand, Result<PriceInfo>>,
        IRequestHandler<DeletePriceCommand, Result<Deleted>>,
        IRequestHandler<SetCurrenciesCommand, Result<PriceList>>
{
    private const decimal Dearest = 1_000_000m;

    public Task<PriceList> Handle(ListPricesQuery request, CancellationToken cancellationToken) => Task.FromResult(List());

    public Task<Result<PriceInfo>> Handle(SetPriceCommand request, CancellationToken cancellationToken)
    {
        var price = request.Price;
        if (Check(price) is { } fault)
            return Task.FromResult<Result<PriceInfo>>(fault);
        var stored = new Price
        {
            Currency = price.Currency,
            Input = price.Input,
            Output = price.Output,
            CachedInput = price.CachedInput,
            CacheWrite = price.CacheWrite,
            Reasoning = price.Reasoning,
            ContextWindow = price.ContextWindow,
            MaxOutputTokens = price.MaxOutputTokens,
        };
        return control.ChangeAsync<PriceInfo>(
            async (connection, transaction) =>
            {
                await connection.ExecuteAsync(
                    "INSERT INTO llm_prices (model, price, updated_at) VALUES (@m, @p, @u) "
                        + "ON CONFLICT (model) DO UPDATE SET price = excluded.price, updated_at = excluded.updated_at",
                    transaction,
                    ("@m", price.Model),
                    ("@p", JsonSerializer.Serialize(stored, PriceJson.Default.Price)),
                    ("@u", time.Milliseconds())
                );
                return new Changed<PriceInfo>(price with { Source = "database" }, Event(request.Actor, "price:" + price.Model, "set"));
            },
            cancellationToken
        );
    }

    public Task<Result<Deleted>> Handle(DeletePriceCommand request, CancellationToken cancellationToken) =>
        control.ChangeAsync<Deleted>(
            async (connection, transaction) =>
                await connection.ExecuteAsync("DELETE FROM llm_prices WHERE model = @m", transaction, ("@m", request.Model)) == 0
                    ? AdminErrors.NotFound("PRICE_NOT_FOUND", "price of an administrator's")
                    : new Changed<Deleted>(new Deleted(request.Model), Event(request.Actor, "price:" + request.Model, "deleted")),
            cancellationToken
        );

    public async Task<Result<PriceList>> Handle(SetCurrenciesCommand request, CancellationToken cancellationToken)
    {
        foreach (var (code, rate) in request.Rates)
        {
            if (code.Length != 3 || !code.All(char.IsAsciiLetterUpper) || code == Currencies.Ledger)
                return AdminErrors.Invalid("currencies", "A currency is an ISO 4217 code such as EUR; USD is always 1.");
            if (rate is <= 0 or > Dearest)
                return AdminErrors.Invalid("currencies", "A rate is what one unit is worth in US dollars, more than 0.");
        }
        var json = JsonSerializer.Serialize(
            new Dictionary<string, decimal>(request.Rates, StringComparer.Ordinal),
            PriceJson.Default.DictionaryStringDecimal
        );
        var changed = await control.ChangeAsync<bool>(
            async (connection, transaction) =>
            {
                await connection.ExecuteAsync(
                    "INSERT INTO llm_settings (name, value, number) VALUES (@n, @v, 0) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    transaction,
                    ("@n", ControlSettings.Currencies),
                    ("@v", json)
                );
                return new Changed<bool>(true, Event(request.Actor, "currencies", "set"));
            },
            cancellationToken
        );
        return changed.Error is { } error ? error : List();
    }

    private PriceList List()
    {
        var settings = control.Current;
        var shipped = facts
            .Known.Where(k => !settings.Prices.ContainsKey(k.Key))
            .Select(k => new PriceInfo
            {
                Model = k.Key,
                Input = k.Value.Input,
                Output = k.Value.Output,
                CachedInput = k.Value.CachedInput,
                CacheWrite = k.Value.CacheWrite,
                Reasoning = k.Value.ReasoningOutput,
                ContextWindow = k.Value.ContextWindow,
                MaxOutputTokens = k.Value.MaxOutputTokens,
                Source = "shipped",
            });
        var set = settings.Prices.Select(p => new PriceInfo
        {
            Model = p.Key,
            Currency = p.Value.Currency,
            Input = p.Value.Input,
            Output = p.Value.Output,
            CachedInput = p.Value.CachedInput,
            CacheWrite = p.Value.CacheWrite,
            Reasoning = p.Value.Reasoning,
            ContextWindow = p.Value.ContextWindow,
            MaxOutputTokens = p.Value.MaxOutputTokens,
            Source = "database",
        });
        return new PriceList([.. shipped.Concat(set).OrderBy(p => p.Model, StringComparer.Ordinal)], settings.Currencies.Rates);
    }

    private Error? Check(PriceInfo price)
    {
        if (!ModelName.IsValid(price.Model))
            return AdminErrors.Invalid("model", "A model's name has 1 to 128 of the characters A-Z a-z 0-9 . _ : / @ -.");
        if (!control.Current.Currencies.Knows(price.Currency))
            return AdminErrors.Invalid(
                "currency",
                $"There is no rate for {price.Currency}. Set it first: PUT /api/v1/admin/prices/currencies."
            );
        decimal?[] amounts = [price.Input, price.Output, price.CachedInput, price.CacheWrite, price.Reasoning];
        if (Array.Exists(amounts, a => a is < 0 or > Dearest))
            return AdminErrors.Invalid("price", "A price for a million tokens is 0 to 1000000.");
        return price.ContextWindow is <= 0 || price.MaxOutputTokens is <= 0
            ? AdminErrors.Invalid("context_window", "Limits in tokens are more than 0.")
            : null;
    }

    private static AuditEvent Event(AdminActor actor, string subject, string reason) =>
        new("settings.changed")
        {
            Actor = actor.UserId,
            Subject = subject,
            Ip = actor.Ip,
            UserAgent = actor.UserAgent,
            Reason = reason,
        };
}
