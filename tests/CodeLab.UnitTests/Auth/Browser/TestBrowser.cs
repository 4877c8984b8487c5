using System.Net;
using System.Text.RegularExpressions;
using CodeLab.UnitTests.Auth.Http;
using Xunit;

namespace CodeLab.UnitTests.Auth.Browser;

/// <summary>A browser without JavaScript: keeps cookies, follows nothing by itself, fills forms that it was shown.</summary>
internal sealed partial class TestBrowser : IDisposable
{
    private readonly HttpClient _client;

    public TestBrowser(AuthHost host)
    {
        Cookies = new CookieContainer();
        var handler = new HttpClientHandler { AllowAutoRedirect = false, CookieContainer = Cookies };
        _client = new HttpClient(handler) { BaseAddress = host.Client.BaseAddress };
        _client.DefaultRequestHeaders.Accept.ParseAdd("text/html");
    }

    public CookieContainer Cookies { get; }

    /// <summary>The cookie of the session; null when the browser has none.</summary>
    public Cookie? Session => Cookies.GetCookies(_client.BaseAddress!)["codelab"];

    /// <summary>The last page.</summary>
    public Answer Page { get; private set; } = null!;

    public string? Location => Page.Header("Location");

    public async Task<Answer> GetAsync(string path) =>
        Page = await Answer.ReadAsync(await _client.GetAsync(path, TestContext.Current.CancellationToken));

    /// <summary>Sends the form of the last page with this action, as it was shown, with these fields typed in.</summary>
    public async Task<Answer> SubmitAsync(string action, params (string Name, string Value)[] typed)
    {
        var form = Forms().Matches(Page.Body).FirstOrDefault(f => f.Groups["action"].Value == action);
        Assert.True(form is not null, $"The page ({Page.Status}) has no form for {action}:\n{Page.Message.Headers}\n{Page.Body}");
        var fields = Hidden()
            .Matches(form.Value)
            .ToDictionary(h => h.Groups["name"].Value, h => WebUtility.HtmlDecode(h.Groups["value"].Value), StringComparer.Ordinal);
        foreach (var (name, value) in typed)
            fields[name] = value;
        return await PostAsync(action, [.. fields.Select(f => (f.Key, f.Value))]);
    }

    /// <summary>Sends fields as no page of ours would: what another site could do.</summary>
    public async Task<Answer> PostAsync(string path, params (string Name, string Value)[] fields)
    {
        using var content = new FormUrlEncodedContent(fields.Select(f => KeyValuePair.Create(f.Name, f.Value)));
        return Page = await Answer.ReadAsync(await _client.PostAsync(path, content, TestContext.Current.CancellationToken));
    }

    public async Task<Answer> SignInAsync(string username = "ada", string password = AuthHost.Password, string back = "/account")
    {
        await GetAsync("/sign-in?return=" + Uri.EscapeDataString(back));
        return await SubmitAsync("/sign-in", ("username", username), ("password", password));
    }

    public void Dispose() => _client.Dispose();

    [GeneratedRegex("<form[^>]*action=\"(?<action>[^\"]*)\".*?</form>", RegexOptions.Singleline, 1000)]
    private static partial Regex Forms();

    [GeneratedRegex("<input type=\"hidden\" name=\"(?<name>[^\"]*)\" value=\"(?<value>[^\"]*)\"", RegexOptions.None, 1000)]
    private static partial Regex Hidden();
}
