using System.Reflection;
using System.Security.Cryptography;
using CodeLab.Modules.Auth.Browser;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace CodeLab.Modules.Auth.Pages;

/// <summary>
/// Stylesheet, script and icon of the pages, out of the assembly: nothing to deploy beside it, and no other host is asked for anything.
/// The addresses pages use carry a hash of the content and are kept by browsers for good.
/// </summary>
internal static class PageAssets
{
    private static readonly Lazy<Asset> _stylesheet = new(() => Load("codelab.css", "text/css; charset=utf-8"));
    private static readonly Lazy<Asset> _script = new(() => Load("codelab.js", "text/javascript; charset=utf-8"));
    private static readonly Lazy<Asset> _icon = new(() => Load("codelab.svg", "image/svg+xml"));

    public static string Stylesheet => _stylesheet.Value.Address;

    public static string Script => _script.Value.Address;

    public static string Icon => _icon.Value.Address;

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet(BrowserSession.StylesheetPath, (HttpContext http) => Serve(http, _stylesheet.Value))
            .AllowAnonymous()
            .ExcludeFromDescription();
        app.MapGet("/ui/codelab.js", (HttpContext http) => Serve(http, _script.Value)).AllowAnonymous().ExcludeFromDescription();
        app.MapGet("/ui/codelab.svg", (HttpContext http) => Serve(http, _icon.Value)).AllowAnonymous().ExcludeFromDescription();
    }

    private static IResult Serve(HttpContext http, Asset asset)
    {
        http.Response.Headers.CacheControl =
            http.Request.Query["v"] == asset.Hash ? "public, max-age=31536000, immutable" : "public, no-cache";
        return Results.Bytes(asset.Content, asset.Type, entityTag: new EntityTagHeaderValue($"\"{asset.Hash}\""));
    }

    private static Asset Load(string name, string type)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        var hash = Convert.ToHexStringLower(SHA256.HashData(content))[..16];
        return new($"/ui/{name}?v={hash}", type, hash, content);
    }

    private sealed record Asset(string Address, string Type, string Hash, byte[] Content);
}
