using System.Net;

namespace CodeLab.IntegrationTests.Access;

/// <summary>Who may call a route.</summary>
public enum Rule
{
    /// <summary>Everybody, signed in or not.</summary>
    Open,

    /// <summary>A browser with the session cookie; others are sent to the sign-in page, whatever token they have.</summary>
    Browser,

    /// <summary>Everybody signed in.</summary>
    SignedIn,

    /// <summary>Scope <c>api:read</c>.</summary>
    Read,

    /// <summary>Scope <c>api:write</c> and a role that may change things.</summary>
    Write,

    /// <summary>A person, not a key, whatever the role.</summary>
    Account,

    /// <summary>Scope <c>llm:invoke</c> and a role that may change things.</summary>
    Invoke,

    /// <summary>Administrators.</summary>
    Admin,

    /// <summary>Reads a session: its owner; to others it does not exist.</summary>
    OwnRead,

    /// <summary>Changes a session: its owner; to others it does not exist.</summary>
    OwnWrite,
}

/// <summary>What a caller gets.</summary>
public enum Expected
{
    /// <summary>In: any answer but 401, 403 and a failure of the server.</summary>
    Pass,

    /// <summary>401.</summary>
    Unauthorized,

    /// <summary>403.</summary>
    Forbidden,

    /// <summary>404, as if there were no such thing (or 400, where the request is no good for anybody).</summary>
    Hidden,

    /// <summary>To the sign-in page (303), or 401.</summary>
    SignIn,
}

/// <summary>The table: <c>routes.txt</c> beside this file. New routes get a row there.</summary>
internal static class RouteMatrix
{
    public static IReadOnlyDictionary<string, Rule> Rows { get; } =
        Read(File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Access", "routes.txt")));

    public static Expected Expected(Rule rule, Caller caller)
    {
        if (rule == Rule.Open)
            return Access.Expected.Pass;
        if (rule == Rule.Browser)
            return Access.Expected.SignIn;
        return caller switch
        {
            Caller.Anonymous or Caller.Disabled => Access.Expected.Unauthorized,
            _ when rule is Rule.SignedIn or Rule.Read => Access.Expected.Pass,
            Caller.Viewer when rule is Rule.Write or Rule.OwnWrite or Rule.Invoke => Access.Expected.Forbidden,
            Caller.Key when rule is Rule.Account => Access.Expected.Forbidden,
            _ when rule is Rule.Write or Rule.Invoke or Rule.Account => Access.Expected.Pass,
            _ when rule is Rule.Admin => caller == Caller.Admin ? Access.Expected.Pass : Access.Expected.Forbidden,
            // Sessions: the owner, by whatever means, and administrators.
            Caller.Owner or Caller.Key or Caller.Admin => Access.Expected.Pass,
            _ => Access.Expected.Hidden,
        };
    }

    public static bool Fits(Expected expected, HttpStatusCode status) =>
        expected switch
        {
            Access.Expected.Unauthorized => status == HttpStatusCode.Unauthorized,
            Access.Expected.Forbidden => status == HttpStatusCode.Forbidden,
            Access.Expected.Hidden => status is HttpStatusCode.NotFound or HttpStatusCode.BadRequest,
            Access.Expected.SignIn => status is HttpStatusCode.SeeOther or HttpStatusCode.Found or HttpStatusCode.Unauthorized,
            _ => status is not (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.InternalServerError),
        };

    /// <summary>A value for a parameter of a pattern.</summary>
    /// <param name="parameter">As it stands in the pattern, e.g. <c>id:guid</c> or <c>**path</c>.</param>
    /// <param name="subject">The thing that is called upon.</param>
    public static string ParameterValue(string parameter, string subject) => parameter.StartsWith('*') ? "anything" : subject;

    private static Dictionary<string, Rule> Read(string[] table) =>
        table
            .Where(line => line.Length > 0 && line[0] != '#')
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .ToDictionary(row => $"{row[0]} {row[1]}", row => Enum.Parse<Rule>(row[2]), StringComparer.Ordinal);
}
