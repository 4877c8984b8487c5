using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Auth.Browser;

/// <summary>Where to go after signing in: a path of this host and nothing else (security.md §10).</summary>
internal static class ReturnPath
{
    private const int Longest = 4096;

    /// <summary>The path that was asked for; <paramref name="otherwise"/> when it is none of ours.</summary>
    public static string Of(string? asked, string otherwise = "/") => IsLocal(asked) ? asked! : otherwise;

    /// <summary>Address of a page that comes back to a path.</summary>
    public static string To(string page, string back) =>
        back is "/" ? page : $"{page}?{BrowserSession.ReturnParameter}={Uri.EscapeDataString(back)}";

    /// <summary>Address of a request as a path to come back to. What was posted is not repeated: people come back to its page.</summary>
    public static string Here(HttpRequest request)
    {
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method))
            return Of(request.PathBase + request.Path + request.QueryString);
        return request.Path.StartsWithSegments(BrowserSession.AccountPath, StringComparison.OrdinalIgnoreCase)
            ? BrowserSession.AccountPath
            : "/";
    }

    private static bool IsLocal(string? path)
    {
        if (path is not { Length: > 0 and <= Longest } || path[0] != '/')
            return false;
        // "//host", "/\host" and, since browsers drop tabs and line ends, "/<tab>/host" leave this host.
        if (path.Length > 1 && path[1] is '/' or '\\')
            return false;
        foreach (var c in path)
        {
            if (char.IsControl(c) || c == '\\')
                return false;
        }
        return true;
    }
}
