using System.Data.Common;
using System.Text.Json;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Persistence;
using CodeLab.Modules.Llm.Persistence.Rows;
using CodeLab.Modules.Llm.Routing;
using MediatR;

namespace CodeLab.Modules.Llm.Providers.Storage;

/// <summary>Providers made, changed and deleted by administrators; those of the environment can only be looked at.</summary>
internal sealed class ProviderAdmin(
    ControlStore control,
    ModelCatalogue catalogue,
    CircuitBreakers breakers,
    ProviderSecrets secrets,
    IEnumerable<IProviderKind> kinds,
    TimeProvider time
)
    : IRequestHandler<ListProvidersQuery, IReadOnlyList<ProviderInfo>>,
        IRequestHandler<CreateProviderCommand, Result<ProviderInfo>>,
        IRequestHandler<ChangeProviderCommand, Result<ProviderInfo>>,
        IRequestHandler<DeleteProviderCommand, Result<Deleted>>,
        IRequestHandler<RewrapProviderKeysCommand, Result<RewrapAnswer>>
{
    private static readonly Error NotFound = AdminErrors.NotFound("PROVIDER_NOT_FOUND", "provider");

    private static readonly Error ReadOnly = new(
        "PROVIDER_READ_ONLY",
        "This provider comes from the environment of the service. Change it there, or make another one here.",
        409
    );

    public Task<IReadOnlyList<ProviderInfo>> Handle(ListProvidersQuery request, CancellationToken cancellationToken)
    {
        var live = catalogue.Current.Providers.ToDictionary(p => p.Settings.Name, StringComparer.Ordinal);
        var providers = catalogue
            .Environment.Select(e => Info(live.GetValueOrDefault(e.Settings.Name, e)))
            .Concat(control.Current.Providers.Select(p => Info(p, live.GetValueOrDefault(p.Row.Name))));
        return Task.FromResult<IReadOnlyList<ProviderInfo>>([.. providers]);
    }

    public async Task<Result<ProviderInfo>> Handle(CreateProviderCommand request, CancellationToken cancellationToken)
    {
        var draft = request.Draft;
        if (Kind(draft.Kind) is not { } kind)
            return UnknownKind();
        if (string.IsNullOrEmpty(draft.Name))
            return AdminErrors.Invalid("name", "A provider needs a name: it is the prefix of its models.");
        if (ProviderDrafts.Check(draft, kind, draft.AllowPrivateNetwork ?? false) is { } fault)
            return fault;
        if (IsTaken(draft.Name))
            return AdminErrors.Exists("PROVIDER_EXISTS", $"There is a provider named '{draft.Name}' already. Choose another name.");
        var now = time.Milliseconds();
        var row = Apply(
            new ProviderRow
            {
                Id = Guid.CreateVersion7(time.GetUtcNow()).ToString(),
                Name = draft.Name,
                Kind = kind.Kind,
                Models = "[]",
                Settings = "{}",
                Enabled = true,
                CreatedAt = now,
                UpdatedAt = now,
            },
            draft
        );
        var created = Event("provider.created", request.Actor, row);
        var saved = await control.ChangeAsync<ProviderRow>(
            async (connection, transaction) =>
            {
                var names = await connection.ReadAsync(
                    "SELECT name FROM llm_providers WHERE name = @n",
                    transaction,
                    r => r.GetString(0),
                    ("@n", row.Name)
                );
                if (names.Count > 0)
                    return AdminErrors.Exists("PROVIDER_EXISTS", $"There is a provider named '{row.Name}' already. Choose another name.");
                await SaveAsync(connection, transaction, row);
                return new Changed<ProviderRow>(
                    row,
                    row.SecretCipher is null ? [created] : [created, Event("provider.key_set", request.Actor, row)]
                );
            },
            cancellationToken
        );
        return Show(saved);
    }

    public async Task<Result<ProviderInfo>> Handle(ChangeProviderCommand request, CancellationToken cancellationToken)
    {
        var draft = request.Draft;
        if (catalogue.Environment.Any(e => e.Settings.Name == request.Id))
            return ReadOnly;
        if (Find(request.Id) is not { } stored)
            return NotFound;
        if ((draft.Name is { } name && name != stored.Name) || (draft.Kind is { } changed && changed != stored.Kind))
            return AdminErrors.Invalid("name", "Name and kind of a provider can not change: make another one.");
        if (Kind(stored.Kind) is not { } kind)
            return UnknownKind();
        // What stays is checked with what changes: taking the leave for private networks away must not leave a private address.
        var whole = draft with
        {
            BaseUrl = draft.BaseUrl ?? stored.BaseUrl,
        };
        if (ProviderDrafts.Check(whole, kind, draft.AllowPrivateNetwork ?? stored.AllowPrivateNetwork) is { } fault)
            return fault;
        var saved = await control.ChangeAsync<ProviderRow>(
            async (connection, transaction) =>
            {
                var rows = await connection.ReadAsync(
                    $"SELECT {ControlReader.ProviderColumns} FROM llm_providers WHERE id = @id",
                    transaction,
                    ControlReader.Provider,
                    ("@id", request.Id)
                );
                if (rows is not [var current])
                    return NotFound;
                var row = Apply(current, draft) with { UpdatedAt = time.Milliseconds() };
                await SaveAsync(connection, transaction, row);
                var events = new List<AuditEvent> { Event("provider.changed", request.Actor, row) };
                if (draft.ApiKey is not null)
                    events.Add(Event("provider.key_set", request.Actor, row));
                return new Changed<ProviderRow>(row, events);
            },
            cancellationToken
        );
        return Show(saved);
    }

    public async Task<Result<Deleted>> Handle(DeleteProviderCommand request, CancellationToken cancellationToken)
    {
        if (catalogue.Environment.Any(e => e.Settings.Name == request.Id))
            return ReadOnly;
        if (Find(request.Id) is not { } stored)
            return NotFound;
        return await control.ChangeAsync<Deleted>(
            async (connection, transaction) =>
                await connection.ExecuteAsync("DELETE FROM llm_providers WHERE id = @id", transaction, ("@id", request.Id)) == 0
                    ? NotFound
                    : new Changed<Deleted>(new Deleted(request.Id), Event("provider.changed", request.Actor, stored, "deleted")),
            cancellationToken
        );
    }

    public Task<Result<RewrapAnswer>> Handle(RewrapProviderKeysCommand request, CancellationToken cancellationToken) =>
        control.ChangeAsync<RewrapAnswer>(
            async (connection, transaction) =>
            {
                var rows = await connection.ReadAsync(
                    $"SELECT {ControlReader.ProviderColumns} FROM llm_providers WHERE wrapped_data_key IS NOT NULL",
                    transaction,
                    ControlReader.Provider
                );
                if (!secrets.IsReady)
                    return AdminErrors.Invalid("kek", "There is no key-encryption key. Restore the one that belongs to this database.");
                var kekId = secrets.CurrentKekId;
                var old = rows.Where(r => r.KekId != kekId).ToList();
                var failed = new List<string>();
                foreach (var row in old)
                {
                    byte[] wrapped;
                    try
                    {
                        wrapped = secrets.Rewrap(row.WrappedDataKey!, row.Id, row.Name);
                    }
                    catch (System.Security.Cryptography.CryptographicException)
                    {
                        // Its key-encryption key is not here: nothing is overwritten, and the answer names it.
                        failed.Add(row.Name);
                        continue;
                    }
                    await connection.ExecuteAsync(
                        "UPDATE llm_providers SET wrapped_data_key = @w, kek_id = @k WHERE id = @id AND kek_id = @old",
                        transaction,
                        ("@w", wrapped),
                        ("@k", kekId),
                        ("@id", row.Id),
                        ("@old", row.KekId)
                    );
                }
                var answer = new RewrapAnswer(kekId, old.Count - failed.Count, rows.Count - old.Count, failed);
                var told = new AuditEvent("kek.rotated")
                {
                    Actor = request.Actor.UserId,
                    Subject = "llm_providers",
                    Ip = request.Actor.Ip,
                    UserAgent = request.Actor.UserAgent,
                    Outcome = failed.Count == 0 ? "success" : "failure",
                    Metadata = new Dictionary<string, object?>
                    {
                        ["kek_id"] = kekId,
                        ["rewrapped"] = answer.Rewrapped,
                        ["failed"] = failed.Count,
                    },
                };
                return new Changed<RewrapAnswer>(answer, told);
            },
            cancellationToken
        );

    private ProviderRow Apply(ProviderRow row, ProviderDraft draft)
    {
        var changed = row with
        {
            BaseUrl =
                draft.BaseUrl is null ? row.BaseUrl
                : draft.BaseUrl.Length == 0 ? null
                : draft.BaseUrl.TrimEnd('/'),
            Models = draft.Models is null ? row.Models : JsonSerializer.Serialize([.. draft.Models], StorageJson.Default.ListString),
            Settings = draft.Settings is null
                ? row.Settings
                : JsonSerializer.Serialize(
                    new Dictionary<string, string>(draft.Settings, StringComparer.Ordinal),
                    StorageJson.Default.DictionaryStringString
                ),
            AllowPrivateNetwork = draft.AllowPrivateNetwork ?? row.AllowPrivateNetwork,
            Enabled = draft.Enabled ?? row.Enabled,
        };
        if (draft.ApiKey is null)
            return changed;
        if (draft.ApiKey.Length == 0)
            return changed with { SecretCipher = null, WrappedDataKey = null, KekId = null, SecretLast4 = null };
        // Only a store without secrets may get a new key-encryption key; where there are some, a missing one is an error.
        if (!secrets.IsReady && control.Current.Providers.All(p => p.Row.SecretCipher is null))
            secrets.Create();
        var hidden = secrets.Seal(draft.ApiKey, row.Id, row.Name);
        return changed with
        {
            SecretCipher = hidden.Cipher,
            WrappedDataKey = hidden.WrappedDataKey,
            KekId = hidden.KekId,
            SecretLast4 = hidden.Last4,
        };
    }

    private static Task<int> SaveAsync(DbConnection connection, DbTransaction? transaction, ProviderRow row) =>
        connection.ExecuteAsync(
            $"INSERT INTO llm_providers ({ControlReader.ProviderColumns}) VALUES (@id, @name, @kind, @url, @models, @settings, @private, @enabled, "
                + "@cipher, @wrapped, @kek, @last4, @created, @updated) ON CONFLICT (id) DO UPDATE SET base_url = excluded.base_url, "
                + "models = excluded.models, settings = excluded.settings, allow_private_network = excluded.allow_private_network, "
                + "enabled = excluded.enabled, secret_cipher = excluded.secret_cipher, wrapped_data_key = excluded.wrapped_data_key, "
                + "kek_id = excluded.kek_id, secret_last4 = excluded.secret_last4, updated_at = excluded.updated_at",
            transaction,
            ("@id", row.Id),
            ("@name", row.Name),
            ("@kind", row.Kind),
            ("@url", row.BaseUrl),
            ("@models", row.Models),
            ("@settings", row.Settings),
            ("@private", row.AllowPrivateNetwork),
            ("@enabled", row.Enabled),
            ("@cipher", row.SecretCipher),
            ("@wrapped", row.WrappedDataKey),
            ("@kek", row.KekId),
            ("@last4", row.SecretLast4),
            ("@created", row.CreatedAt),
            ("@updated", row.UpdatedAt)
        );

    private static AuditEvent Event(string type, AdminActor actor, ProviderRow row, string? reason = null) =>
        new(type)
        {
            Actor = actor.UserId,
            Subject = row.Id,
            Ip = actor.Ip,
            UserAgent = actor.UserAgent,
            Reason = reason,
            Metadata = new Dictionary<string, object?>
            {
                ["name"] = row.Name,
                ["kind"] = row.Kind,
                ["host"] = row.BaseUrl is null ? null : new Uri(row.BaseUrl).Authority,
                ["enabled"] = row.Enabled,
                ["private"] = row.AllowPrivateNetwork,
            },
        };

    private Result<ProviderInfo> Show(Result<ProviderRow> saved)
    {
        if (saved.Error is { } error)
            return error;
        var stored = control.Current.Providers.First(p => p.Row.Id == saved.Value!.Id);
        return Info(stored, catalogue.Current.Providers.FirstOrDefault(p => p.Settings.Name == stored.Row.Name));
    }

    private ProviderRow? Find(string id) => control.Current.Providers.FirstOrDefault(p => p.Row.Id == id)?.Row;

    private bool IsTaken(string name) =>
        catalogue.Environment.Any(e => e.Settings.Name == name)
        || kinds.Any(k => k.Kind == name && k.OfficialUrl is null && k.Kind == "demo")
        || control.Current.Providers.Any(p => p.Row.Name == name);

    private IProviderKind? Kind(string? kind) => kind == "demo" ? null : kinds.FirstOrDefault(k => k.Kind == kind);

    private Error UnknownKind() =>
        AdminErrors.Invalid("kind", $"Choose one of the kinds {string.Join(", ", kinds.Select(k => k.Kind).Where(k => k != "demo"))}.");

    private ProviderInfo Info(ProviderEntry entry) =>
        Live(
            new ProviderInfo
            {
                Id = entry.Settings.Name,
                Name = entry.Settings.Name,
                Kind = entry.Settings.Kind,
                BaseUrl = entry.Settings.BaseUrl?.ToString(),
                Models = entry.Settings.Models,
                AllowPrivateNetwork = entry.Settings.AllowPrivateNetwork,
                Enabled = true,
                HasKey = entry.Settings.ApiKey.Length > 0,
                KeyLast4 = entry.Settings.ApiKey.Length >= 12 ? entry.Settings.ApiKey[^4..] : null,
                IsReadOnly = true,
                Status = "unknown",
            },
            entry
        );

    private ProviderInfo Info(StoredProvider stored, ProviderEntry? live)
    {
        var row = stored.Row;
        var info = new ProviderInfo
        {
            Id = row.Id,
            Name = row.Name,
            Kind = row.Kind,
            BaseUrl = row.BaseUrl,
            Models = JsonSerializer.Deserialize(row.Models, StorageJson.Default.ListString) ?? [],
            Settings = JsonSerializer.Deserialize(row.Settings, StorageJson.Default.DictionaryStringString),
            AllowPrivateNetwork = row.AllowPrivateNetwork,
            Enabled = row.Enabled,
            HasKey = row.SecretCipher is not null,
            KeyLast4 = row.SecretLast4,
            Status = row.Enabled ? "unusable" : "off",
            Fault = stored.Fault,
            CreatedAt = DateTimeOffset.FromUnixTimeMilliseconds(row.CreatedAt),
            UpdatedAt = DateTimeOffset.FromUnixTimeMilliseconds(row.UpdatedAt),
        };
        return stored.Settings is null || live is null ? info : Live(info, live);
    }

    private ProviderInfo Live(ProviderInfo info, ProviderEntry entry) =>
        info with
        {
            Status =
                entry.Answered || entry.Settings.BaseUrl is null ? "healthy"
                : entry.CheckedAt is null ? "unknown"
                : "unhealthy",
            Fault = entry.Fault,
            CheckedAt = entry.CheckedAt,
            Serves = entry.Models,
            Resting = [.. breakers.States.Where(b => b.Provider == info.Name && b.State != CircuitState.Closed).Select(b => b.Model)],
        };
}
