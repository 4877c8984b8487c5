using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Access;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Agent.Approvals.ManagePolicies;

/// <summary>Policy rules, for administrators.</summary>
internal static class PolicyEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var admin = app.MapGroup("/api/v1/admin/policies").WithTags("Policies").RequireAuthorization(Policies.Admin);
        admin.MapGet("/", ListAsync).WithName("ListPolicies").WithSummary("Lists the rules about tool calls").Produces<PolicyRuleList>();
        admin
            .MapPost("/", CreateAsync)
            .WithName("CreatePolicy")
            .WithSummary("Adds a rule")
            .Produces<PolicyRuleInfo>(StatusCodes.Status201Created);
        admin.MapGet("/{id}", GetAsync).WithName("GetPolicy").WithSummary("Shows a rule").Produces<PolicyRuleInfo>();
        admin.MapPut("/{id}", ReplaceAsync).WithName("ReplacePolicy").WithSummary("Replaces a rule").Produces<PolicyRuleInfo>();
        admin
            .MapDelete("/{id}", DeleteAsync)
            .WithName("DeletePolicy")
            .WithSummary("Deletes a rule")
            .Produces(StatusCodes.Status204NoContent);
        admin
            .MapPost("/try", TryAsync)
            .WithName("TryPolicy")
            .WithSummary("Says what the rules would decide about a call, and why")
            .Produces<TryPolicyAnswer>();
    }

    private static async Task<IResult> ListAsync(ISender sender, CancellationToken cancellationToken) =>
        TypedResults.Json(await sender.Send(new ListPoliciesQuery(), cancellationToken), ProtocolJson.Default.PolicyRuleList);

    private static async Task<IResult> GetAsync(string id, ISender sender, CancellationToken cancellationToken)
    {
        var rules = await sender.Send(new ListPoliciesQuery(), cancellationToken);
        return rules.Rules.FirstOrDefault(r => r.Id == id) is { } rule
            ? TypedResults.Json(rule, ProtocolJson.Default.PolicyRuleInfo)
            : PolicyErrors.NotFound(id).ToProblem();
    }

    private static async Task<IResult> CreateAsync(
        PolicyRuleBody body,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        var saved = await sender.Send(new SavePolicyCommand(ApprovalEndpoints.Caller(user), null, body), cancellationToken);
        if (saved.Error is { } error)
            return error.ToProblem();
        return TypedResults.Json(saved.Value, ProtocolJson.Default.PolicyRuleInfo, statusCode: StatusCodes.Status201Created);
    }

    private static async Task<IResult> ReplaceAsync(
        string id,
        PolicyRuleBody body,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        var saved = await sender.Send(new SavePolicyCommand(ApprovalEndpoints.Caller(user), id, body), cancellationToken);
        return saved.Error is { } error ? error.ToProblem() : TypedResults.Json(saved.Value, ProtocolJson.Default.PolicyRuleInfo);
    }

    private static async Task<IResult> DeleteAsync(string id, ClaimsPrincipal user, ISender sender, CancellationToken cancellationToken)
    {
        var deleted = await sender.Send(new DeletePolicyCommand(ApprovalEndpoints.Caller(user), id), cancellationToken);
        return deleted.Error is { } error ? error.ToProblem() : TypedResults.NoContent();
    }

    private static async Task<IResult> TryAsync(TryPolicyBody body, ISender sender, CancellationToken cancellationToken)
    {
        var tried = await sender.Send(new TryPolicyQuery(body), cancellationToken);
        return tried.Error is { } error ? error.ToProblem() : TypedResults.Json(tried.Value, ProtocolJson.Default.TryPolicyAnswer);
    }
}
