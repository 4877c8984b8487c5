using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Auth.Pages;

/// <summary>
/// Reads the forms of pages. Forms bind themselves (<c>BindAsync</c>) instead of by reflection, so that the compiler can make the routes'
/// delegates: the framework's form mapper costs every start of the host.
/// </summary>
internal static class PageForm
{
    /// <summary>The posted fields. Empty when the body is no form: the guard of forms then misses its token and refuses.</summary>
    /// <exception cref="BadHttpRequestException">The body says it is a form and is none.</exception>
    public static async ValueTask<IFormCollection> ReadAsync(HttpContext http)
    {
        if (!http.Request.HasFormContentType)
            return FormCollection.Empty;
        try
        {
            return await http.Request.ReadFormAsync(http.RequestAborted);
        }
        catch (InvalidDataException exception)
        {
            throw new BadHttpRequestException("The form could not be read.", exception);
        }
    }

    /// <summary>The first value of a field; null when it is not there.</summary>
    public static string? Text(this IFormCollection form, string name) => form.TryGetValue(name, out var values) ? values[0] : null;
}
