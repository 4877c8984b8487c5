using System.Security.Cryptography;
using CodeLab.FakeLlm;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Chat;
using Xunit;

namespace CodeLab.UnitTests.Llm.Control;

public sealed class ProviderAdminTests
{
    private const string Secret = "sk-canary-stored-0123456789";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_provider_made_by_an_administrator_serves_the_next_call()
    {
        await using var fake = await LlmHost.FakeAsync();
        fake.Reply(script => script.Text("Hello."));
        await using var llm = await LlmHost.StartAsync();

        var made = await CreateAsync(llm, fake.OpenAiBaseUrl);
        var updates = await llm.AskAsync("Hi", model: "work/fake-model");

        Assert.Equal("Hello.", LlmHost.TextOf(updates));
        Assert.Equal(("6789", true), (made.KeyLast4, made.HasKey));
        Assert.Equal(Secret, fake.LastRequest.ApiKey);
    }

    [Fact]
    public async Task The_key_is_not_in_the_database_in_clear()
    {
        var folder = Directory.CreateTempSubdirectory("codelab-llm-");
        await using (var llm = await LlmHost.StartAsync(null, folder))
            await CreateAsync(llm, "https://models.example/v1");

        foreach (var file in folder.EnumerateFiles("*", SearchOption.AllDirectories))
            Assert.DoesNotContain(Secret, System.Text.Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file.FullName, Cancelled)));
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task The_key_encryption_key_is_exchanged_online()
    {
        var folder = Directory.CreateTempSubdirectory("codelab-llm-");
        var (old, next) = (NewKek(), NewKek());
        await using (var llm = await LlmHost.StartAsync(null, folder, ("CodeLab:KeyEncryptionKey", old)))
            await CreateAsync(llm, "https://models.example/v1");

        await using (
            var llm = await LlmHost.StartAsync(null, folder, ("CodeLab:KeyEncryptionKey", next), ("CodeLab:PreviousKeyEncryptionKey", old))
        )
        {
            var answer = (await llm.Sender.Send(new RewrapProviderKeysCommand(Money.Admin), Cancelled)).Value!;
            Assert.Equal((1, 0), (answer.Rewrapped, answer.Failed.Count));
        }

        await using var after = await LlmHost.StartAsync(null, folder, ("CodeLab:KeyEncryptionKey", next));
        Assert.Equal("unknown", (await WorkAsync(after)).Status.Replace("unhealthy", "unknown", StringComparison.Ordinal));
        Assert.Equal(0, (await after.Sender.Send(new RewrapProviderKeysCommand(Money.Admin), Cancelled)).Value!.Rewrapped);
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_wrong_key_encryption_key_makes_the_provider_unusable_and_overwrites_nothing()
    {
        var folder = Directory.CreateTempSubdirectory("codelab-llm-");
        var right = NewKek();
        await using (var llm = await LlmHost.StartAsync(null, folder, ("CodeLab:KeyEncryptionKey", right)))
            await CreateAsync(llm, "https://models.example/v1");

        await using (var llm = await LlmHost.StartAsync(null, folder, ("CodeLab:KeyEncryptionKey", NewKek())))
        {
            var broken = await WorkAsync(llm);
            Assert.Equal("unusable", broken.Status);
            Assert.Contains("key-encryption key", broken.Fault, StringComparison.Ordinal);
            var answer = (await llm.Sender.Send(new RewrapProviderKeysCommand(Money.Admin), Cancelled)).Value!;
            Assert.Equal(["work"], answer.Failed);
            Assert.IsType<ChatUpdate.Failed>(Assert.Single(await llm.AskAsync("Hi", model: "work/m")));
        }

        await using var mended = await LlmHost.StartAsync(null, folder, ("CodeLab:KeyEncryptionKey", right));
        Assert.NotEqual("unusable", (await WorkAsync(mended)).Status);
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Providers_of_the_environment_can_only_be_looked_at()
    {
        await using var fake = await LlmHost.FakeAsync();
        await using var llm = await LlmHost.StartAsync("openai", fake);

        var listed = await llm.Sender.Send(new ListProvidersQuery(), Cancelled);

        Assert.True(listed.Single(p => p.Name == "openai").IsReadOnly);
        var changed = await llm.Sender.Send(
            new ChangeProviderCommand(Money.Admin, "openai", new ProviderDraft { Enabled = false }),
            Cancelled
        );
        Assert.Equal("PROVIDER_READ_ONLY", changed.Error?.Code);
        var taken = await llm.Sender.Send(
            new CreateProviderCommand(Money.Admin, new ProviderDraft { Name = "openai", Kind = "openai" }),
            Cancelled
        );
        Assert.Equal("PROVIDER_EXISTS", taken.Error?.Code);
    }

    [Theory]
    [InlineData("http://models.example/v1", "https")]
    [InlineData("https://user:pw@models.example", "without user")]
    [InlineData("https://169.254.169.254/latest", "never called")]
    [InlineData("https://2852039166/", "never called")]
    [InlineData("https://[::ffff:169.254.169.254]/", "never called")]
    [InlineData("https://10.0.0.1/v1", "private")]
    [InlineData("https://2130706433/", "private")]
    [InlineData("https://0x7f.1/", "private")]
    [InlineData("https://[::1]/", "private")]
    [InlineData("file:///etc/passwd", "https")]
    public async Task An_address_that_may_not_be_called_is_refused_when_it_is_written(string url, string told)
    {
        await using var llm = await LlmHost.StartAsync();

        var refused = (
            await llm.Sender.Send(
                new CreateProviderCommand(
                    Money.Admin,
                    new ProviderDraft
                    {
                        Name = "work",
                        Kind = "openai",
                        BaseUrl = url,
                    }
                ),
                Cancelled
            )
        ).Error;

        Assert.Equal("INVALID_REQUEST", refused?.Code);
        Assert.Contains(told, refused?.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://localhost.example-rebinding.invalid/v1")]
    [InlineData("https://localhost:9/v1")]
    public async Task A_name_is_checked_when_it_is_connected_to(string url)
    {
        await using var llm = await LlmHost.StartAsync();
        var made = (
            await llm.Sender.Send(
                new CreateProviderCommand(
                    Money.Admin,
                    new ProviderDraft
                    {
                        Name = "work",
                        Kind = "openai",
                        BaseUrl = url,
                    }
                ),
                Cancelled
            )
        ).Value!;

        var test = (await llm.Sender.Send(new TestProviderQuery(made.Id, "m"), Cancelled)).Value!;

        Assert.False(test.Ok);
        Assert.Contains(
            "localhost:9" == new Uri(url).Authority ? "not allowed" : "can not be found",
            test.Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_test_names_what_to_change()
    {
        await using var fake = await LlmHost.FakeAsync();
        await using var llm = await LlmHost.StartAsync();
        var made = await CreateAsync(llm, fake.OpenAiBaseUrl);

        fake.Reply(script => script.Text("ready"));
        var works = await TestAsync(llm, made.Id);
        Assert.True(works.Ok, works.Message);

        fake.Reply(script => script.Text("x").Fails(Fault.Http(401)));
        Assert.Contains("api_key", (await TestAsync(llm, made.Id)).Message, StringComparison.Ordinal);
        fake.Reply(script => script.Text("x").Fails(Fault.Http(429)));
        Assert.Contains("limits the requests", (await TestAsync(llm, made.Id)).Message, StringComparison.Ordinal);
        fake.Reply(script => script.Text("x").Fails(Fault.Http(503)));
        Assert.Contains("fault of its own", (await TestAsync(llm, made.Id)).Message, StringComparison.Ordinal);

        // Anthropic's address for a provider of OpenAI's kind, a path nobody serves, a port nobody listens on, no TLS.
        var wrong = await ChangeAsync(llm, made.Id, fake.OpenAiBaseUrl + "/nowhere");
        Assert.Contains("base_url", (await TestAsync(llm, wrong.Id)).Message, StringComparison.Ordinal);
        await ChangeAsync(llm, made.Id, "http://127.0.0.1:9/v1");
        Assert.Contains("can not be reached", (await TestAsync(llm, made.Id)).Message, StringComparison.Ordinal);
        await ChangeAsync(llm, made.Id, fake.OpenAiBaseUrl.Replace("http:", "https:", StringComparison.Ordinal));
        Assert.Contains("certificate", (await TestAsync(llm, made.Id)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Failures_and_recoveries_of_a_provider_are_remembered_without_its_key()
    {
        await using var fake = await LlmHost.FakeAsync();
        await using var llm = await LlmHost.StartAsync();
        var made = await CreateAsync(llm, fake.OpenAiBaseUrl);
        fake.Reply(script => script.Text("x").Fails(Fault.Http(401, body: $"The key {Secret} is not known here")));
        await TestAsync(llm, made.Id);
        fake.Reply(script => script.Text("ready"));
        await TestAsync(llm, made.Id);

        var health = Assert.Single(await llm.Sender.Send(new ListProviderHealthQuery("work"), Cancelled));

        Assert.Equal(1, health.Failures);
        Assert.True(health.LastSuccessAt >= health.LastFailureAt);
        Assert.Equal([true, false], health.Events.Select(e => e.Ok));
        var failure = health.Events[1];
        Assert.Equal(("test", 401, "fake-model"), (failure.Reason, failure.Status, failure.Model));
        Assert.Contains("is not known here", failure.Upstream, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, failure.Upstream, StringComparison.Ordinal);
    }

    private static string NewKek() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    private static async Task<ProviderInfo> CreateAsync(LlmHost llm, string url)
    {
        var draft = new ProviderDraft
        {
            Name = "work",
            Kind = "openai",
            BaseUrl = url,
            ApiKey = Secret,
            AllowPrivateNetwork = true,
        };
        var made = await llm.Sender.Send(new CreateProviderCommand(Money.Admin, draft), Cancelled);
        Assert.Null(made.Error);
        return made.Value!;
    }

    private static async Task<ProviderInfo> ChangeAsync(LlmHost llm, string id, string url) =>
        (await llm.Sender.Send(new ChangeProviderCommand(Money.Admin, id, new ProviderDraft { BaseUrl = url }), Cancelled)).Value!;

    private static async Task<ProviderTest> TestAsync(LlmHost llm, string id) =>
        (await llm.Sender.Send(new TestProviderQuery(id, "fake-model"), Cancelled)).Value!;

    private static async Task<ProviderInfo> WorkAsync(LlmHost llm) =>
        (await llm.Sender.Send(new ListProvidersQuery(), Cancelled)).Single(p => p.Name == "work");
}
