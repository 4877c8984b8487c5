using CodeLab.BrowserTests.Browser;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.BrowserTests;

/// <summary>The first minutes of an installation: set-up, then signing in.</summary>
public sealed class FirstStartTests(Chromium chromium)
{
    private const string Password = "Correct-Horse-7-Battery";

    [Theory, MemberData(nameof(Look.All), MemberType = typeof(Look))]
    public async Task The_set_up_link_makes_the_administrator_who_signs_out_and_in(string look)
    {
        await using var server = await CodeLabServer.StartAsync(
            new CodeLabServerOptions().With(("CODELAB_ADMIN_USERNAME", null), ("CODELAB_ADMIN_PASSWORD", null)),
            TestContext.Current.CancellationToken
        );
        await server.Process.WaitForOutputAsync("/setup#", TestContext.Current.CancellationToken);
        var link = server.Process.Output.Split('\n').First(l => l.Contains("/setup#", StringComparison.Ordinal)).Split(' ')[1];
        await using var ada = await Visitor.ComeAsync(chromium, server.BaseAddress, Look.Parse(look), "first-start");

        await ada.GoAsync(link);
        await ada.SeesAsync(ada.Say("Set up CodeLab", "Настройка CodeLab"));
        Assert.DoesNotContain("#", ada.Page.Url, StringComparison.Ordinal);
        await ada.LookAsync("set-up");
        await ada.TypeAsync(ada.Say("User name", "Имя пользователя"), "ada");
        await ada.TypeAsync(ada.Say("E-mail", "Почта"), "ada@example.org");
        await ada.TypeAsync(ada.Say("Password", "Пароль"), "password");
        await ada.PressAsync(ada.Say("Create administrator", "Создать администратора"));
        await ada.LookAsync("set-up-weak-password");
        await ada.TypeAsync(ada.Say("Password", "Пароль"), Password);
        await ada.PressAsync(ada.Say("Create administrator", "Создать администратора"));
        await ada.GoAsync("/sign-in");
        await ada.LookAsync("after");
        await ada.Page.Context.ClearCookiesAsync();

        await ada.GoAsync("/sign-in");
        await ada.SeesAsync(ada.Say("Sign in", "Вход"));
        await ada.LookAsync("sign-in");
        await ada.TypeAsync(ada.Say("User name or e-mail", "Имя или почта"), "ada");
        await ada.TypeAsync(ada.Say("Password", "Пароль"), "wrong");
        await ada.PressAsync(ada.Say("Sign in", "Войти"));
        await ada.LookAsync("sign-in-wrong");
        ada.IsContent();
    }
}
