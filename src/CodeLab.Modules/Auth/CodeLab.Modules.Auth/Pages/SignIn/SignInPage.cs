using CodeLab.Modules.Auth.Browser;

namespace CodeLab.Modules.Auth.Pages.SignIn;

/// <summary>A provider people may sign in with.</summary>
internal sealed record ProviderButton(string Name, string DisplayName);

/// <summary>What the sign-in page shows.</summary>
internal sealed record SignInModel(string Return)
{
    public string? Username { get; init; }

    public string? Problem { get; init; }

    public string? Done { get; init; }

    public IReadOnlyList<ProviderButton> Providers { get; init; } = [];
}

/// <summary>The pages of signing in.</summary>
internal static class SignInPage
{
    public static Html Body(PageContext page, SignInModel model) =>
        Html.Of(
            $"""
            <div><h1>{page.Say("Sign in", "Вход")}</h1>
            <p class="lead">{page.Say("to your team's CodeLab", "в CodeLab вашей команды")}</p></div>
            {Parts.Done(model.Done)}{Parts.Problem(model.Problem)}
            <form class="form" method="post" action="{BrowserSession.SignInPath}">{page.Token()}{Parts.Hidden("return", model.Return)}
            {new Field("username", page.Say("User name or e-mail", "Имя или почта"))
            {
                Value = model.Username,
                Autocomplete = "username webauthn",
                IsFirst = model.Username is null,
            }.Show(page)}
            {new Field("password", page.Say("Password", "Пароль"))
            {
                Type = "password",
                Autocomplete = "current-password",
                MaxLength = 128,
                IsFirst = model.Username is not null,
            }.Show(page)}
            <button type="submit">{page.Say("Sign in", "Войти")}</button>
            </form>
            <div class="or" data-with-passkeys{(model.Providers.Count == 0 ? Html.Literal(" hidden") : Html.Empty)}>{page.Say(
                "or",
                "или"
            )}</div>
            <div class="stack"{(model.Providers.Count == 0 ? Html.Literal(" data-with-passkeys hidden") : Html.Empty)}>
            {Passkey(page, BrowserSession.SignInPath, model.Return, isConditional: true)}
            {model.Providers.Select(p => Provider(page, p, model.Return))}
            </div>
            """
        );

    /// <summary>The second step: a code of the app, a recovery code, or a passkey.</summary>
    public static Html CodeBody(PageContext page, string pending, string back, string? problem, bool isRecovery) =>
        Html.Of(
            $"""
            <div><h1>{page.Say("One more step", "Ещё один шаг")}</h1>
            <p class="lead">{page.Say(
                "Open your authenticator app and type the six digits it shows for CodeLab.",
                "Откройте приложение-аутентификатор и введите шесть цифр, которые оно показывает для CodeLab."
            )}</p></div>
            {(isRecovery ? Html.Empty : Parts.Problem(problem))}
            <form class="form" method="post" action="/sign-in/code">{page.Token()}{Parts.Hidden("pending", pending)}{Parts.Hidden(
                "return",
                back
            )}
            {new Field("code", page.Say("Code", "Код"))
            {
                IsCode = true,
                IsFirst = !isRecovery,
                Autocomplete = "one-time-code",
                MaxLength = 8,
                Pattern = "[0-9 ]{6,8}",
            }.Show(page)}
            <button type="submit">{page.Say("Continue", "Продолжить")}</button>
            </form>
            {Passkey(page, BrowserSession.SignInPath, back, isConditional: false)}
            <details{(isRecovery ? Html.Literal(" open") : Html.Empty)}><summary>{page.Say(
                "I do not have my phone",
                "У меня нет телефона"
            )}</summary>
            {(isRecovery ? Parts.Problem(problem) : Html.Empty)}
            <form class="form" method="post" action="/sign-in/recovery">{page.Token()}{Parts.Hidden("pending", pending)}{Parts.Hidden(
                "return",
                back
            )}
            {new Field("recovery", page.Say("Recovery code", "Код восстановления"))
            {
                IsFirst = isRecovery,
                MaxLength = 32,
                Hint = page.Say(
                    "One of the codes you saved when you set up the app. It works once.",
                    "Один из кодов, которые вы сохранили при настройке приложения. Он работает один раз."
                ),
            }.Show(page)}
            <button class="second" type="submit">{page.Say("Use recovery code", "Использовать код")}</button>
            </form></details>
            """
        );

    /// <summary>The question before a sensitive change.</summary>
    public static Html ConfirmBody(
        PageContext page,
        string back,
        string? problem,
        bool hasPassword,
        IReadOnlyList<ProviderButton> providers
    ) =>
        Html.Of(
            $"""
            <div><h1>{page.Say("Is it you?", "Это вы?")}</h1>
            <p class="lead">{page.Say("You are about to change how your account is protected. Confirm that it is you.", "Вы меняете защиту учётной записи. Подтвердите, что это вы.")}</p></div>
            {Parts.Problem(problem)}
            {(hasPassword ? Html.Of($"""
            <form class="form" method="post" action="{BrowserSession.ConfirmPath}">{page.Token()}{Parts.Hidden("return", back)}
            <input type="hidden" name="username" autocomplete="username" value="{page.User?.UserName}">
            {new Field("password", page.Say("Password", "Пароль")) { Type = "password", Autocomplete = "current-password", MaxLength = 128, IsFirst = true }.Show(page)}
            <button type="submit">{page.Say("Confirm", "Подтвердить")}</button>
            </form>
            """) : Html.Empty)}
            {Passkey(page, BrowserSession.ConfirmPath, back, isConditional: false)}
            {providers.Select(p => Provider(page, p, back, "/confirm"))}
            <a class="button second wide" href="{back}">{page.Say("Cancel", "Отмена")}</a>
            """
        );

    /// <summary>Hidden until the script finds that this browser knows passkeys.</summary>
    private static Html Passkey(PageContext page, string path, string back, bool isConditional) =>
        Html.Of(
            $"""
            <form class="stack" method="post" action="{path}/passkey" data-passkey="get" data-options="{path}/passkey/options"{(
                isConditional ? Html.Literal(" data-conditional") : Html.Empty
            )} data-fault="{page.Say(
                "No passkey was used. Try again, or sign in another way.",
                "Ключ доступа не использован. Попробуйте снова или войдите иначе."
            )}" hidden>
            {page.Token()}{Parts.Hidden("return", back)}{Parts.Hidden("credential", "")}{Parts.Hidden("state", "")}
            <button class="second wide" type="submit"><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="8.5" cy="8.5" r="4.5"/><path d="M2.5 20.5c0-3.5 2.7-6 6-6 1.6 0 3 .5 4 1.5"/><circle cx="18" cy="12.5" r="2.5"/><path d="M18 15v6.5l1.8-1.7-1.3-1.5 1.3-1.4"/></svg>{page.Say(
                "Use a passkey",
                "Ключ доступа"
            )}</button>
            <p class="error" role="alert" hidden></p>
            </form>
            """
        );

    private static Html Provider(PageContext page, ProviderButton provider, string back, string suffix = "") =>
        Html.Of(
            $"""
            <form method="post" action="/external/{provider.Name}{suffix}">{page.Token()}{Parts.Hidden(
                "return",
                back
            )}<button class="second wide" type="submit">{page.Say("Continue with", "Войти через")} {provider.DisplayName}</button></form>
            """
        );
}
