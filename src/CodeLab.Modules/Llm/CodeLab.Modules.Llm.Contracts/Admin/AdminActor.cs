namespace CodeLab.Modules.Llm.Admin;

/// <summary>Who changes a setting, for the audit.</summary>
/// <param name="UserId">User or client.</param>
/// <param name="Ip">Address of the client, by the trusted-proxy rule.</param>
/// <param name="UserAgent">Program of the client.</param>
public sealed record AdminActor(string UserId, string? Ip = null, string? UserAgent = null);

/// <summary>Something was deleted.</summary>
/// <param name="Id">What.</param>
public sealed record Deleted(string Id);
