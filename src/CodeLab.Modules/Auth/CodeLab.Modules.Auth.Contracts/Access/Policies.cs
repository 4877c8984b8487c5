namespace CodeLab.Modules.Auth.Access;

/// <summary>Names of the authorization policies that routes and hub methods declare (security.md §6.1).</summary>
public static class Policies
{
    /// <summary>Signed in with scope <c>api:read</c>.</summary>
    public const string Read = "api:read";

    /// <summary>Signed in with scope <c>api:write</c> and a role that may change things (not <c>viewer</c>).</summary>
    public const string Write = "api:write";

    /// <summary>Role <c>admin</c> with scope <c>api:admin</c>; password-grant tokens never have it (security.md §4).</summary>
    public const string Admin = "api:admin";

    /// <summary>Scope <c>llm:invoke</c>.</summary>
    public const string Invoke = "llm:invoke";
}

/// <summary>Roles a user may have.</summary>
public static class Roles
{
    /// <summary>Everything.</summary>
    public const string Admin = "admin";

    /// <summary>Team sessions, approvals, usage.</summary>
    public const string Lead = "lead";

    /// <summary>Own sessions.</summary>
    public const string Developer = "developer";

    /// <summary>Reads own sessions.</summary>
    public const string Viewer = "viewer";
}
