using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Xunit;

namespace CodeLab.BrowserTests.Browser;

/// <summary>
/// Somebody with a browser window of their own. Whatever page they look at is photographed and judged: no accessibility violations, no
/// message on the console, no request to another host, nothing wider than the window.
/// </summary>
public sealed class Visitor : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly List<string> _faults = [];
    private readonly string _folder;
    private readonly Uri _server;
    private int _photographs;

    private Visitor(IBrowserContext context, IPage page, Uri server, Look look, string story)
    {
        (_context, Page, _server, Look) = (context, page, server, look);
        _folder = Path.Combine(Folder, story, look.Name);
        Directory.CreateDirectory(_folder);
        page.Console += (_, message) =>
        {
            // Answers like 401 for a wrong password are meant.
            if (message.Type is "error" or "warning" && !message.Text.StartsWith("Failed to load resource", StringComparison.Ordinal))
                _faults.Add($"console: {message.Text}");
        };
        page.PageError += (_, error) => _faults.Add($"script: {error}");
    }

    /// <summary>Where photographs go: beside the sources, ignored by git.</summary>
    public static string Folder { get; } = Path.Combine(FindProject(), "screenshots");

    /// <summary>The page they look at.</summary>
    public IPage Page { get; }

    /// <summary>How they look at it.</summary>
    public Look Look { get; }

    /// <summary>Opens a window.</summary>
    public static async Task<Visitor> ComeAsync(Chromium chromium, Uri server, Look look, string story, bool javaScript = true)
    {
        var context = await chromium.Browser.NewContextAsync(
            new()
            {
                BaseURL = server.ToString(),
                Locale = look.Language == "ru" ? "ru-RU" : "en-GB",
                ColorScheme = look.Theme == "dark" ? ColorScheme.Dark : ColorScheme.Light,
                ViewportSize = new() { Width = look.Width, Height = look.Height },
                ReducedMotion = ReducedMotion.Reduce,
                JavaScriptEnabled = javaScript,
            }
        );
        context.SetDefaultTimeout(30_000);
        var visitor = new Visitor(context, await context.NewPageAsync(), server, look, story);
        context.Request += (_, request) => visitor.Check(request);
        return visitor;
    }

    /// <summary>A text in the language of the visitor.</summary>
    public string Say(string english, string russian) => Look.Say(english, russian);

    /// <summary>Goes to an address of the server.</summary>
    public Task GoAsync(string path) => Page.GotoAsync(path);

    /// <summary>Waits until the browser stands at an address: a request that arrived there is not yet a page that is open.</summary>
    public Task ArriveAsync(string address) => Page.WaitForURLAsync(url => url.StartsWith(address, StringComparison.Ordinal));

    /// <summary>Types into the field of a label.</summary>
    public Task TypeAsync(string label, string text) => Page.GetByLabel(label, new() { Exact = true }).FillAsync(text);

    /// <summary>Presses a button.</summary>
    public Task PressAsync(string name) => Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true }).ClickAsync();

    /// <summary>Waits for a heading: the page is there.</summary>
    public async Task SeesAsync(string heading) =>
        await Assertions
            .Expect(
                Page.GetByRole(
                    AriaRole.Heading,
                    new()
                    {
                        Name = heading,
                        Exact = true,
                        Level = 1,
                    }
                )
            )
            .ToBeVisibleAsync(new() { Timeout = 30_000 });

    /// <summary>Signs in by name and password, on the way to a page.</summary>
    public async Task SignInAsync(string name, string password, string back = "/account")
    {
        await GoAsync("/sign-in?return=" + Uri.EscapeDataString(back));
        await SignInHereAsync(name, password);
    }

    /// <summary>Signs in on the page that is open.</summary>
    public async Task SignInHereAsync(string name, string password)
    {
        await TypeAsync(Say("User name or e-mail", "Имя или почта"), name);
        await TypeAsync(Say("Password", "Пароль"), password);
        await PressAsync(Say("Sign in", "Войти"));
    }

    /// <summary>
    /// Signs in by passkey. The pretended device answers the suggestions of the name field at once, as a person would by choosing one, so the
    /// button may be gone before it is pressed.
    /// </summary>
    public async Task PressPasskeyAsync()
    {
        var left = Page.WaitForURLAsync(url => !url.Contains("/sign-in", StringComparison.Ordinal));
        try
        {
            await Page.GetByRole(AriaRole.Button, new() { Name = Say("Use a passkey", "Ключ доступа"), Exact = true })
                .ClickAsync(new() { Timeout = 5_000 });
        }
        catch (TimeoutException)
        {
            // It was gone: the page is on its way.
        }
        await left;
    }

    /// <summary>Photographs the page and judges it.</summary>
    public async Task LookAsync(string name)
    {
        await Page.WaitForLoadStateAsync(LoadState.Load);
        await Page.ScreenshotAsync(new() { Path = Path.Combine(_folder, $"{++_photographs:00}-{name}.png"), FullPage = true });
        var width = await Page.EvaluateAsync<int>("document.documentElement.scrollWidth");
        if (width > Look.Width)
            _faults.Add($"{name}: the page is {width} pixels wide in a window of {Look.Width}");
        var axe = await Page.RunAxe(new AxeRunOptions());
        foreach (var violation in axe.Violations)
            _faults.Add($"{name}: {violation.Id}: {violation.Help}: {string.Join(" | ", violation.Nodes.Select(n => n.Html))}");
    }

    /// <summary>Ends the visit: everything that was wrong on the way is told at once.</summary>
    public void IsContent() => Assert.True(_faults.Count == 0, string.Join('\n', _faults));

    /// <summary>A device that makes and uses passkeys, as Chromium can pretend to have.</summary>
    public async Task AddAuthenticatorAsync()
    {
        var session = await _context.NewCDPSessionAsync(Page);
        await session.SendAsync("WebAuthn.enable", new() { ["enableUI"] = false });
        await session.SendAsync(
            "WebAuthn.addVirtualAuthenticator",
            new()
            {
                ["options"] = new Dictionary<string, object>(StringComparer.Ordinal)
                {
                    ["protocol"] = "ctap2",
                    ["transport"] = "internal",
                    ["hasResidentKey"] = true,
                    ["hasUserVerification"] = true,
                    ["isUserVerified"] = true,
                    ["automaticPresenceSimulation"] = true,
                },
            }
        );
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await _context.DisposeAsync();

    private void Check(IRequest request)
    {
        var address = new Uri(request.Url);
        if (address.Authority != _server.Authority && address.Scheme is "http" or "https" && !request.IsNavigationRequest)
            _faults.Add($"a request went to another host: {request.Url}");
    }

    private static string FindProject()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "CodeLab.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("CodeLab.sln was not found above the test");
        return Path.Combine(folder, "tests", "CodeLab.BrowserTests");
    }
}
