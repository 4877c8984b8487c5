namespace CodeLab.Client.SignIn;

/// <summary>The address of a server in the one form under which sign-ins are kept: scheme, host, port, path without a last slash.</summary>
public sealed record ServerAddress
{
    private ServerAddress(Uri uri, string text)
    {
        Uri = uri;
        Text = text;
    }

    /// <summary>The address, ending in a slash.</summary>
    public Uri Uri { get; }

    /// <summary>The address as text, without a last slash.</summary>
    public string Text { get; }

    /// <summary>Reads an address; <c>http://</c> is assumed for a bare loopback host, <c>https://</c> for any other.</summary>
    /// <exception cref="FormatException">It is no http or https address.</exception>
    public static ServerAddress Parse(string text)
    {
        var trimmed = text.Trim();
        if (!trimmed.Contains("://", StringComparison.Ordinal))
            trimmed = (IsLoopback(trimmed) ? "http://" : "https://") + trimmed;
        if (
            !Uri.TryCreate(trimmed, UriKind.Absolute, out var uri)
            || uri.Scheme is not ("http" or "https")
            || uri.Host.Length == 0
            || uri.UserInfo.Length > 0
        )
            throw new FormatException($"'{text}' is not the address of a server. Write it like https://codelab.example.com.");
        var plain = uri.GetLeftPart(UriPartial.Path).TrimEnd('/');
        return new ServerAddress(new Uri(plain + "/"), plain);
    }

    /// <summary>A path on the server.</summary>
    public Uri At(string path) => new(Uri, path.TrimStart('/'));

    /// <inheritdoc/>
    public override string ToString() => Text;

    private static bool IsLoopback(string text) =>
        text.StartsWith("localhost", StringComparison.OrdinalIgnoreCase)
        || text.StartsWith("127.", StringComparison.Ordinal)
        || text.StartsWith("[::1]", StringComparison.Ordinal);
}
