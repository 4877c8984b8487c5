using Microsoft.Playwright;
using Xunit;

[assembly: AssemblyFixture(typeof(CodeLab.BrowserTests.Browser.Chromium))]

namespace CodeLab.BrowserTests.Browser;

/// <summary>One Chromium for all tests; each test has a context of its own in it.</summary>
public sealed class Chromium : IAsyncLifetime
{
    private static readonly string[] _places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    private IPlaywright? _playwright;

    /// <summary>The browser.</summary>
    public IBrowser Browser { get; private set; } = null!;

    /// <summary>The program: <c>CODELAB_TEST_CHROMIUM</c>, or where packages put it.</summary>
    public static string Program { get; } =
        Environment.GetEnvironmentVariable("CODELAB_TEST_CHROMIUM")
        ?? _places.FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException("Chromium is missing: ./test installs it, or name it in CODELAB_TEST_CHROMIUM.");

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        _playwright = await Playwright.CreateAsync();
        Browser = await _playwright.Chromium.LaunchAsync(
            new()
            {
                ExecutablePath = Program,
                Args =
                [
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                    "--no-first-run",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                ],
            }
        );
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Browser is not null)
            await Browser.DisposeAsync();
        _playwright?.Dispose();
    }
}
