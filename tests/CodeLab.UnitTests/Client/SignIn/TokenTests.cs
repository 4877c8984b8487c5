using System.Net;
using System.Text;
using CodeLab.Client.SignIn;
using CodeLab.Client.Storage;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CodeLab.UnitTests.Client.SignIn;

public sealed class TokenTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("codelab-test-");
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(60));
    private readonly TokenEndpoint _endpoint = new();
    private readonly ServerAddress _server = ServerAddress.Parse("https://codelab.example");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_token_that_is_good_is_used_as_it_is()
    {
        var source = await SignedInAsync();

        Assert.Equal("access-1", await source.GetAsync(TestContext.Current.CancellationToken));
        Assert.Equal(1, _endpoint.Requests);
    }

    [Fact]
    public async Task A_token_is_refreshed_before_it_ends()
    {
        var source = await SignedInAsync();

        _time.Advance(TimeSpan.FromSeconds(900 - 59));

        Assert.Equal("access-2", await source.GetAsync(TestContext.Current.CancellationToken));
        Assert.Equal("refresh-1", _endpoint.LastForm["refresh_token"]);
        Assert.Equal("codelab-cli", _endpoint.LastForm["client_id"]);
    }

    [Fact]
    public async Task Many_programs_at_once_spend_a_refresh_token_once()
    {
        await SignedInAsync();
        _time.Advance(TimeSpan.FromHours(1));

        // Each has a store of its own, as separate processes have; the file lock is all they share.
        var tokens = await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(_ =>
                    Task.Run(() => new StoredTokenSource(new TokenStore(Data(), TimeProvider.System), OAuth(), _server, _time).GetAsync())
                )
        );

        Assert.All(tokens, token => Assert.Equal("access-2", token));
        Assert.Equal(2, _endpoint.Requests);
    }

    [Fact]
    public async Task A_token_the_server_refused_is_replaced()
    {
        var source = await SignedInAsync();

        source.Refused("access-1");

        Assert.Equal("access-2", await source.GetAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task An_ended_sign_in_is_forgotten_and_said()
    {
        var source = await SignedInAsync();
        _time.Advance(TimeSpan.FromHours(1));
        _endpoint.Refuse = true;

        await Assert.ThrowsAsync<NotSignedInException>(() => source.GetAsync(TestContext.Current.CancellationToken));

        Assert.Null(await new TokenStore(Data(), _time).FindAsync(_server.Text, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_server_that_is_away_does_not_end_the_sign_in()
    {
        var source = await SignedInAsync();
        _time.Advance(TimeSpan.FromHours(1));
        _endpoint.Away = true;

        await Assert.ThrowsAsync<HttpRequestException>(() => source.GetAsync(TestContext.Current.CancellationToken));

        Assert.NotNull(await new TokenStore(Data(), _time).FindAsync(_server.Text, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Sign_ins_are_readable_by_their_owner_only_and_kept_by_server()
    {
        await SignedInAsync();
        var store = new TokenStore(Data(), _time);
        await store.ChangeAsync(
            "https://other.example",
            _ => Task.FromResult<StoredTokens?>(new StoredTokens { AccessToken = "other" }),
            TestContext.Current.CancellationToken
        );

        Assert.Equal("access-1", (await store.FindAsync(_server.Text, TestContext.Current.CancellationToken))!.AccessToken);
        Assert.Equal("https://other.example", await store.LastServerAsync(TestContext.Current.CancellationToken));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite,
                File.GetUnixFileMode(Path.Combine(_folder.FullName, "data", "tokens.json"))
            );
    }

    [Fact]
    public async Task A_wrong_password_is_refused_with_the_servers_words()
    {
        _endpoint.Refuse = true;

        var refusal = await Assert.ThrowsAsync<SignInRefusedException>(() =>
            OAuth().SignInAsync("ada", "wrong", TestContext.Current.CancellationToken)
        );

        Assert.Equal(("invalid_grant", "Invalid username or password"), (refusal.Error, refusal.Message));
    }

    [Theory]
    [InlineData("localhost:8000", "http://localhost:8000")]
    [InlineData("codelab.example", "https://codelab.example")]
    [InlineData("HTTPS://CodeLab.Example/team/", "https://codelab.example/team")]
    public void An_address_has_one_form(string text, string expected) => Assert.Equal(expected, ServerAddress.Parse(text).Text);

    [Theory]
    [InlineData("ftp://codelab.example")]
    [InlineData("https://user:password@codelab.example")]
    [InlineData("")]
    public void What_is_no_address_is_refused(string text) => Assert.Throws<FormatException>(() => ServerAddress.Parse(text));

    [Fact]
    public void The_data_directory_follows_option_then_environment_then_home()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows keeps it elsewhere");
        var root = _folder.FullName;
        var environment = new Dictionary<string, string> { ["HOME"] = root };

        Assert.Equal(Path.Combine(root, ".local/share/codelab"), Open(null));
        environment["XDG_DATA_HOME"] = Path.Combine(root, "xdg");
        Assert.Equal(Path.Combine(root, "xdg/codelab"), Open(null));
        environment["CODELAB_DATA"] = Path.Combine(root, "own");
        Assert.Equal(Path.Combine(root, "own"), Open(null));
        Assert.Equal(Path.Combine(root, "asked"), Open(Path.Combine(root, "asked")));

        string Open(string? chosen) => ClientDataDirectory.Open(chosen, name => environment.GetValueOrDefault(name)).Path;
    }

    private ClientDataDirectory Data() => ClientDataDirectory.Open(Path.Combine(_folder.FullName, "data"));

    private OAuthClient OAuth() => new(new HttpClient(_endpoint, disposeHandler: false), _server, _time);

    private async Task<StoredTokenSource> SignedInAsync()
    {
        var store = new TokenStore(Data(), _time);
        var tokens = await OAuth().SignInAsync("ada", "correct");
        await store.ChangeAsync(_server.Text, _ => Task.FromResult<StoredTokens?>(tokens));
        return new StoredTokenSource(store, OAuth(), _server, _time);
    }

    private sealed class TokenEndpoint : HttpMessageHandler
    {
        private int _requests;

        public int Requests => _requests;
        public bool Refuse { get; set; }
        public bool Away { get; set; }
        public Dictionary<string, string> LastForm { get; private set; } = [];

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var number = Interlocked.Increment(ref _requests);
            if (Away)
                throw new HttpRequestException("away");
            var form = await request.Content!.ReadAsStringAsync(cancellationToken);
            LastForm = form.Split('&')
                .Select(pair => pair.Split('='))
                .ToDictionary(pair => pair[0], pair => Uri.UnescapeDataString(pair[1]));
            return Refuse
                ? Answer(HttpStatusCode.Unauthorized, """{"error":"invalid_grant","error_description":"Invalid username or password"}""")
                : Answer(
                    HttpStatusCode.OK,
                    $$"""{"access_token":"access-{{number}}","refresh_token":"refresh-{{number}}","token_type":"bearer","expires_in":900}"""
                );
        }

        private static HttpResponseMessage Answer(HttpStatusCode status, string json) =>
            new(status) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
    }
}
