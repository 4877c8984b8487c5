using System.Text;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Auth.Pages;

/// <summary>Answers with a page under its content security policy (security.md §10).</summary>
internal sealed class PageResult(Html document, int status = StatusCodes.Status200OK) : IResult
{
    // No script or style in the page itself, nothing from another host. base-uri can be 'none' here: these pages have no base tag.
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = status;
        response.ContentType = "text/html; charset=utf-8";
        var headers = response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.CacheControl = "no-store";
        headers.Vary = "Accept-Language, Cookie";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        await response.Body.WriteAsync(Encoding.UTF8.GetBytes(document.ToString()), httpContext.RequestAborted);
    }
}

/// <summary>After a form: the browser gets the next page, and "reload" does not send the form again.</summary>
internal sealed class SeeOther(string path) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
        httpContext.Response.Headers.Location = path;
        httpContext.Response.Headers.CacheControl = "no-store";
        return Task.CompletedTask;
    }
}
