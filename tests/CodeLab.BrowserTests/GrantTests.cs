using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using System.Web;
using CodeLab.BrowserTests.Browser;
using Microsoft.Playwright;
using Xunit;

namespace CodeLab.BrowserTests;

/// <summary>Letting devices and applications in.</summary>
public sealed class GrantTests(Chromium chromium, AccountTests.Server server) : IClassFixture<AccountTests.Server>
{
    [Theory, MemberData(nameof(Look.All), MemberType = typeof(Look))]
    public async Task A_terminal_is_let_in_by_its_code(string look)
    {
        var name = await server.AddUserAsync("dev", look);
        using var terminal = new HttpClient { BaseAddress = server.Host.BaseAddress };
        terminal.DefaultRequestHeaders.UserAgent.ParseAdd("codelab/0.1");
        var asked = await FormAsync(terminal, "/oauth/device", ("client_id", "codelab-cli"), ("scope", "api:read api:write llm:invoke"));
        var code = (string)asked["user_code"]!;
        await using var eve = await Visitor.ComeAsync(chromium, server.Address, Look.Parse(look), "device");

        await eve.GoAsync("/device");
        await eve.SeesAsync(eve.Say("Sign in", "Вход"));
        await eve.SignInAsync(name, AccountTests.Server.Password, "/device");
        await eve.SeesAsync(eve.Say("Connect a device", "Подключение устройства"));
        await eve.LookAsync("type-code");
        await eve.TypeAsync(eve.Say("Code", "Код"), "BCDF-GHJK");
        await eve.PressAsync(eve.Say("Continue", "Продолжить"));
        await eve.LookAsync("unknown-code");
        await eve.TypeAsync(eve.Say("Code", "Код"), code);
        await eve.PressAsync(eve.Say("Continue", "Продолжить"));
        await eve.SeesAsync(eve.Say("Let this device in?", "Впустить это устройство?"));
        await Assertions.Expect(eve.Page.Locator(".bigcode")).ToHaveTextAsync(code);
        await Assertions.Expect(eve.Page.GetByText("127.0.0.1")).ToBeVisibleAsync();
        await eve.LookAsync("decide");
        await eve.PressAsync(eve.Say("Let in", "Впустить"));
        await eve.SeesAsync(eve.Say("The device is signed in", "Устройство вошло"));
        await eve.LookAsync("let-in");

        var tokens = await FormAsync(
            terminal,
            "/oauth/token",
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", "codelab-cli"),
            ("device_code", (string)asked["device_code"]!)
        );
        Assert.NotNull((string?)tokens["access_token"]);
        eve.IsContent();
    }

    [Fact]
    public async Task A_refused_terminal_gets_nothing()
    {
        var name = await server.AddUserAsync("dev", "refuses");
        using var terminal = new HttpClient { BaseAddress = server.Host.BaseAddress };
        var asked = await FormAsync(terminal, "/oauth/device", ("client_id", "codelab-cli"));
        await using var eve = await Visitor.ComeAsync(chromium, server.Address, Look.Parse("en-light-1440"), "device-refused");

        await eve.SignInAsync(name, AccountTests.Server.Password, "/device?user_code=" + (string)asked["user_code"]!);
        await eve.PressAsync("Continue");
        await eve.PressAsync("Refuse");
        await eve.SeesAsync("The device was refused");
        await eve.LookAsync("refused");

        var answer = await FormAsync(
            terminal,
            "/oauth/token",
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", "codelab-cli"),
            ("device_code", (string)asked["device_code"]!)
        );
        Assert.Equal("access_denied", (string?)answer["error"]);
        eve.IsContent();
    }

    [Theory, MemberData(nameof(Look.All), MemberType = typeof(Look))]
    public async Task An_application_asks_and_is_allowed_once_and_for_all(string look)
    {
        var name = await server.AddUserAsync("app", look);
        await using var eve = await Visitor.ComeAsync(chromium, server.Address, Look.Parse(look), "consent");
        await using var application = new Application();

        await eve.GoAsync(Request(application, "first"));
        await eve.SignInHereAsync(name, AccountTests.Server.Password);
        await eve.SeesAsync(eve.Say("Allow Sprint Planner?", "Разрешить «Sprint Planner»?"));
        await eve.LookAsync("consent");
        await eve.PressAsync(eve.Say("Allow", "Разрешить"));
        var allowed = await application.AnswerAsync();
        await eve.ArriveAsync(application.Callback);
        await eve.GoAsync(Request(application, "second"));
        var again = await application.AnswerAsync();
        await eve.ArriveAsync(application.Callback);
        await eve.GoAsync(Request(application, "third") + "&prompt=consent");
        await eve.PressAsync(eve.Say("Do not allow", "Не разрешать"));
        var refused = await application.AnswerAsync();
        await eve.ArriveAsync(application.Callback);
        await eve.GoAsync("/oauth/authorize?client_id=nobody&response_type=code&redirect_uri=http%3A%2F%2Fevil.example");
        await eve.LookAsync("wrong-request");

        Assert.Equal(("first", true), (allowed["state"], allowed["code"] is not null));
        Assert.Equal(("second", true), (again["state"], again["code"] is not null));
        Assert.Equal(("third", "access_denied"), (refused["state"], refused["error"]));
        eve.IsContent();
    }

    private static string Request(Application application, string state) =>
        "/oauth/authorize?client_id=planner&response_type=code&scope=api%3Aread%20llm%3Ainvoke&code_challenge_method=S256"
        + $"&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&state={state}&redirect_uri={Uri.EscapeDataString(application.Callback)}";

    private static async Task<JsonObject> FormAsync(HttpClient client, string path, params (string Name, string Value)[] fields)
    {
        using var form = new FormUrlEncodedContent(fields.Select(f => KeyValuePair.Create(f.Name, f.Value)));
        using var answer = await client.PostAsync(path, form, TestContext.Current.CancellationToken);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!.AsObject();
    }

    /// <summary>An application on this machine: it listens where the browser is sent back to.</summary>
    private sealed class Application : IAsyncDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly Channel<Uri> _answers = Channel.CreateUnbounded<Uri>();
        private readonly Task _listening;

        public Application()
        {
            using (var free = new TcpListener(IPAddress.Loopback, 0))
            {
                free.Start();
                Callback = $"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/callback";
            }
            _listener.Prefixes.Add(new Uri(Callback).GetLeftPart(UriPartial.Authority) + "/");
            _listener.Start();
            _listening = ListenAsync();
        }

        public string Callback { get; }

        public async Task<System.Collections.Specialized.NameValueCollection> AnswerAsync()
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            return HttpUtility.ParseQueryString((await _answers.Reader.ReadAsync(limit.Token)).Query);
        }

        public async ValueTask DisposeAsync()
        {
            _listener.Close();
            await _listening;
        }

        private async Task ListenAsync()
        {
            while (true)
            {
                HttpListenerContext context;
                try
                {
                    context = await _listener.GetContextAsync();
                }
                catch (Exception closed) when (closed is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }
                if (context.Request.Url!.AbsolutePath == "/callback")
                    _answers.Writer.TryWrite(context.Request.Url);
                context.Response.ContentType = "text/html";
                await context.Response.OutputStream.WriteAsync("<!doctype html><title>x</title>"u8.ToArray());
                context.Response.Close();
            }
        }
    }
}
