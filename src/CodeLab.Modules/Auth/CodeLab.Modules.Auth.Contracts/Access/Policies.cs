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

    /// <summary>
    /// Scope <c>llm:invoke</c>, and a role that may change things (not <c>viewer</c>). A token or an access key (<c>clk_…</c>) in
    /// <c>Authorization</c>; doors that take keys under other header names (<c>x-api-key</c>, <c>api-key</c>) move them there before sign-in.
    /// The claim <c>key_id</c> tells which key it was.
    /// </summary>
    public const string Invoke = "llm:invoke";

    /// <summary>Signed in, whatever the scope. Declared by name, so that no route is open to everybody signed in by oversight.</summary>
    public const string SignedIn = "signed-in";

    /// <summary>
    /// Signed in as a person (claim <c>sid</c>) with scope <c>api:write</c>, whatever the role: for one's own password, sign-ins and keys.
    /// Access keys and services do not pass: a stolen key must not be able to make itself lasting.
    /// </summary>
    public const string Account = "account";
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
