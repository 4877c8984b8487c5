using System.Text.Json;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Persistence;
using CodeLab.Modules.Llm.Providers.Storage;
using MediatR;

namespace CodeLab.Modules.Llm.Admission;

/// <summary>Who may use which models, and how fast, as administrators set it.</summary>
internal sealed class AccessRuleAdmin(Database database, ControlStore control, TimeProvider time)
    : IRequestHandler<ListAccessRulesQuery, IReadOnlyList<AccessRuleInfo>>,
        IRequestHandler<SetAccessRuleCommand, Result<AccessRuleInfo>>,
        IRequestHandler<DeleteAccessRuleCommand, Result<Deleted>>
{
    private const int MostModels = 200;

    public async Task<IReadOnlyList<AccessRuleInfo>> Handle(ListAccessRulesQuery request, CancellationToken cancellationToken) =>
        await database.ReadAsync(
            "SELECT scope, subject, models, requests_per_minute, tokens_per_minute, concurrent FROM llm_access_rules ORDER BY scope, subject",
            row => new AccessRuleInfo
            {
                Scope = row.GetString(0),
                Subject = row.GetString(1),
                Models = row.Text(2) is { } models ? JsonSerializer.Deserialize(models, StorageJson.Default.ListString) : null,
                RequestsPerMinute = (int?)row.Number(3),
                TokensPerMinute = (int?)row.Number(4),
                Concurrent = (int?)row.Number(5),
            },
            [],
            cancellationToken
        );

    public Task<Result<AccessRuleInfo>> Handle(SetAccessRuleCommand request, CancellationToken cancellationToken)
    {
        var rule = request.Rule;
        if (Check(rule) is { } fault)
            return Task.FromResult<Result<AccessRuleInfo>>(fault);
        return control.ChangeAsync<AccessRuleInfo>(
            async (connection, transaction) =>
            {
                await connection.ExecuteAsync(
                    "INSERT INTO llm_access_rules (scope, subject, models, requests_per_minute, tokens_per_minute, concurrent, updated_at) "
                        + "VALUES (@s, @j, @m, @r, @t, @c, @u) ON CONFLICT (scope, subject) DO UPDATE SET models = excluded.models, "
                        + "requests_per_minute = excluded.requests_per_minute, tokens_per_minute = excluded.tokens_per_minute, "
                        + "concurrent = excluded.concurrent, updated_at = excluded.updated_at",
                    transaction,
                    ("@s", rule.Scope),
                    ("@j", rule.Subject),
                    ("@m", rule.Models is null ? null : JsonSerializer.Serialize([.. rule.Models], StorageJson.Default.ListString)),
                    ("@r", rule.RequestsPerMinute),
                    ("@t", rule.TokensPerMinute),
                    ("@c", rule.Concurrent),
                    ("@u", time.Milliseconds())
                );
                return new Changed<AccessRuleInfo>(rule, Event(request.Actor, rule.Scope, rule.Subject, "set"));
            },
            cancellationToken
        );
    }

    public Task<Result<Deleted>> Handle(DeleteAccessRuleCommand request, CancellationToken cancellationToken) =>
        control.ChangeAsync<Deleted>(
            async (connection, transaction) =>
                await connection.ExecuteAsync(
                    "DELETE FROM llm_access_rules WHERE scope = @s AND subject = @j",
                    transaction,
                    ("@s", request.Scope),
                    ("@j", request.Subject)
                ) == 0
                    ? AdminErrors.NotFound("RULE_NOT_FOUND", "rule")
                    : new Changed<Deleted>(new Deleted(request.Subject), Event(request.Actor, request.Scope, request.Subject, "deleted")),
            cancellationToken
        );

    private static Error? Check(AccessRuleInfo rule)
    {
        if (rule.Scope is not (AccessRule.Everyone or AccessRule.Team or AccessRule.User))
            return AdminErrors.Invalid("scope", "Choose everyone, team or user.");
        if (rule.Scope == AccessRule.Everyone ? rule.Subject.Length > 0 : rule.Subject.Length is 0 or > 128)
            return AdminErrors.Invalid("subject", "Name the id of the team or user; the rule for everyone has none.");
        if (rule.Models is { Count: > MostModels })
            return AdminErrors.Invalid("models", "A list has up to 200 entries; use patterns such as openai/*.");
        foreach (var model in rule.Models ?? [])
        {
            var name = model.EndsWith('*') ? model[..^1] + "x" : model;
            if (!ModelName.IsValid(name))
                return AdminErrors.Invalid("models", "An entry is a model, an alias, or the beginning of one with * at its end.");
        }
        int?[] limits = [rule.RequestsPerMinute, rule.TokensPerMinute, rule.Concurrent];
        return Array.Exists(limits, l => l is < 1) ? AdminErrors.Invalid("limits", "A limit is 1 or more.") : null;
    }

    private static AuditEvent Event(AdminActor actor, string scope, string subject, string reason) =>
        new("settings.changed")
        {
            Actor = actor.UserId,
            Subject = $"model-access:{scope}:{subject}",
            Ip = actor.Ip,
            UserAgent = actor.UserAgent,
            Reason = reason,
        };
}
