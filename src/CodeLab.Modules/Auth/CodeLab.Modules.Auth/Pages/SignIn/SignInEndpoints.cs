using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Limits;
using CodeLab.Modules.Auth.SecondFactor;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Pages.SignIn;

/// <summary>Signing in by password and code, and signing out.</summary>
internal static class SignInEndpoints
{
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet(BrowserSession.SignInPath, ShowAsync).AllowAnonymous();
        pages.MapPost(BrowserSession.SignInPath, PasswordAsync).AllowAnonymous();
        pages.MapPost("/sign-in/code", CodeAsync).AllowAnonymous();
        pages.MapPost("/sign-in/recovery", RecoveryAsync).AllowAnonymous();
        pages.MapPost(BrowserSession.SignOutPath, SignOutAsync).RequireAuthorization(BrowserSession.Policy);
        pages.MapGet("/signed-out", SignedOut).AllowAnonymous();
    }

    /// <summary>Opens a session and goes on.</summary>
    public static async Task<IResult> FinishAsync(
        HttpContext http,
        BrowserSessions sessions,
        UserSnapshot user,
        string methods,
        string? back
    )
    {
        await sessions.StartAsync(http, user, methods);
        var path = ReturnPath.Of(back, BrowserSession.AccountPath);
        return new SeeOther(path);
    }

    private static IResult GoOn(PageContext page, string path) =>
        page.GoOn(
            path,
            page.Say("You are signed in", "Вы вошли"),
            page.Say("The page you came from opens by itself.", "Страница, с которой вы пришли, откроется сама.")
        );

    private static async Task<IResult> ShowAsync(
        HttpContext http,
        SignInOptions options,
        [FromQuery(Name = BrowserSession.ReturnParameter)] string? back
    )
    {
        var path = ReturnPath.Of(back, BrowserSession.AccountPath);
        if ((await http.AuthenticateAsync(BrowserSession.Scheme)).Succeeded)
            return new SeeOther(path);
        var page = PageContext.Of(http);
        // Whoever comes by a link of another site sends no SameSite=Strict cookie. Asked once more from this page, the browser sends it.
        if (http.Request.Headers["Sec-Fetch-Site"] == "cross-site")
            return GoOn(page, ReturnPath.To(BrowserSession.SignInPath, path));
        return Show(page, options, new(path));
    }

    private static async Task<IResult> PasswordAsync(
        HttpContext http,
        SignInForm form,
        PasswordSignIn passwords,
        SignInLimits limits,
        SecondFactors factors,
        PendingSignIn pending,
        BrowserSessions sessions,
        SignInOptions options,
        TimeProvider time
    )
    {
        var page = PageContext.Of(http);
        var (name, password) = (form.Username ?? "", form.Password ?? "");
        var back = ReturnPath.Of(form.Return, BrowserSession.AccountPath);
        var model = new SignInModel(back) { Username = name };
        var limit = await limits.TakePasswordAsync(http, name);
        if (!limit.Allowed)
            return Show(page, options, model with { Problem = Wait(page, limit.RetryAfter) }, StatusCodes.Status429TooManyRequests);
        if (name.Length == 0 || password.Length is 0 or > PasswordRules.Longest)
            return Show(page, options, model with { Problem = Wrong(page) }, StatusCodes.Status400BadRequest);
        SignInOutcome outcome;
        try
        {
            outcome = await passwords.TryAsync(name, password, http.RequestAborted);
        }
        catch (PasswordQueueFullException)
        {
            return Show(page, options, model with { Problem = Wait(page, TimeSpan.Zero) }, StatusCodes.Status429TooManyRequests);
        }
        switch (outcome)
        {
            case SignInOutcome.Succeeded { User: var user }:
                if (await factors.IsOnAsync(user.Id, http.RequestAborted))
                    return AskCode(page, pending.Seal(user, "pwd"), back, problem: null, isRecovery: false);
                return await FinishAsync(http, sessions, user, "pwd", back);
            case SignInOutcome.LockedOut locked:
                return Show(
                    page,
                    options,
                    model with
                    {
                        Problem = Locked(page, locked.Until - time.GetUtcNow()),
                    },
                    StatusCodes.Status429TooManyRequests
                );
            default:
                return Show(page, options, model with { Problem = Wrong(page) }, StatusCodes.Status401Unauthorized);
        }
    }

    private static Task<IResult> CodeAsync(
        HttpContext http,
        CodeForm form,
        SecondFactors factors,
        PendingSignIn pending,
        BrowserSessions sessions,
        SignInOptions options,
        TimeProvider time
    ) =>
        StepAsync(
            http,
            form.Pending ?? "",
            form.Return,
            pending,
            sessions,
            options,
            time,
            "otp",
            user => factors.TakeCodeAsync(user, form.Code ?? "", http.RequestAborted)
        );

    private static Task<IResult> RecoveryAsync(
        HttpContext http,
        RecoveryForm form,
        SecondFactors factors,
        PendingSignIn pending,
        BrowserSessions sessions,
        SignInOptions options,
        TimeProvider time
    ) =>
        StepAsync(
            http,
            form.Pending ?? "",
            form.Return,
            pending,
            sessions,
            options,
            time,
            "recovery",
            user => factors.TakeRecoveryCodeAsync(user, form.Recovery ?? "", http.RequestAborted)
        );

    private static async Task<IResult> StepAsync(
        HttpContext http,
        string firstStep,
        string? asked,
        PendingSignIn pending,
        BrowserSessions sessions,
        SignInOptions options,
        TimeProvider time,
        string method,
        Func<string, Task<FactorOutcome>> takeAsync
    )
    {
        var page = PageContext.Of(http);
        var back = ReturnPath.Of(asked, BrowserSession.AccountPath);
        if (await pending.OpenAsync(firstStep, http.RequestAborted) is not var (user, first))
        {
            var problem = page.Say("That took too long. Sign in again.", "Прошло слишком много времени. Войдите снова.");
            return Show(page, options, new(back) { Problem = problem }, StatusCodes.Status400BadRequest);
        }
        var isRecovery = method == "recovery";
        switch (await takeAsync(user.Id))
        {
            case FactorOutcome.Right:
                return await FinishAsync(http, sessions, user, $"{first} {method}", back);
            case FactorOutcome.Locked locked:
                return AskCode(page, firstStep, back, Locked(page, locked.Until - time.GetUtcNow()), isRecovery, 429);
            default:
                var text = isRecovery
                    ? page.Say(
                        "This recovery code is not right, or it was used before. Try another one.",
                        "Этот код восстановления неверен или уже использован. Попробуйте другой."
                    )
                    : page.Say(
                        "This code is not right, or it was used before. Wait for the next one and type that.",
                        "Код неверен или уже использован. Дождитесь следующего и введите его."
                    );
                return AskCode(page, firstStep, back, text, isRecovery, 401);
        }
    }

    private static async Task<IResult> SignOutAsync(HttpContext http, BrowserSessions sessions)
    {
        await sessions.SignOutAsync(http);
        return new SeeOther("/signed-out");
    }

    private static IResult SignedOut(HttpContext http)
    {
        var page = PageContext.Of(http);
        return page.Message(
            page.Say("You are signed out", "Вы вышли"),
            page.Say(
                "This browser no longer has access. Other devices stay signed in.",
                "У этого браузера больше нет доступа. Другие устройства остаются в системе."
            ),
            (BrowserSession.SignInPath, page.Say("Sign in again", "Войти снова"))
        );
    }

    public static string Locked(PageContext page, TimeSpan left) =>
        page.Say(
            $"Too many failed tries. Wait {page.Language.Minutes(left)}, or ask an administrator to unlock you.",
            $"Слишком много неудачных попыток. Подождите {page.Language.Minutes(left)} или попросите администратора снять блокировку."
        );

    public static string Wait(PageContext page, TimeSpan left) =>
        page.Say(
            $"Too many tries from your address. Wait {page.Language.Minutes(left)} and try again.",
            $"Слишком много попыток с вашего адреса. Подождите {page.Language.Minutes(left)} и попробуйте снова."
        );

    private static string Wrong(PageContext page) =>
        page.Say(
            "The name or the password is not right. Check both and try again.",
            "Имя или пароль неверны. Проверьте их и попробуйте снова."
        );

    private static IResult Show(PageContext page, SignInOptions options, SignInModel model, int status = 200) =>
        page.Card(page.Say("Sign in", "Вход"), SignInPage.Body(page, model with { Providers = options.Providers }), status);

    public static IResult AskCode(PageContext page, string pending, string back, string? problem, bool isRecovery, int status = 200) =>
        page.Card(page.Say("One more step", "Ещё один шаг"), SignInPage.CodeBody(page, pending, back, problem, isRecovery), status);
}

/// <summary>Ways to sign in besides the password and passkeys.</summary>
internal sealed class SignInOptions
{
    public IReadOnlyList<ProviderButton> Providers { get; init; } = [];
}

internal sealed record SignInForm(string? Username = null, string? Password = null, string? Return = null)
{
    public static async ValueTask<SignInForm> BindAsync(HttpContext http)
    {
        var form = await PageForm.ReadAsync(http);
        return new(form.Text("username"), form.Text("password"), form.Text("return"));
    }
}

internal sealed record CodeForm(string? Pending = null, string? Code = null, string? Return = null)
{
    public static async ValueTask<CodeForm> BindAsync(HttpContext http)
    {
        var form = await PageForm.ReadAsync(http);
        return new(form.Text("pending"), form.Text("code"), form.Text("return"));
    }
}

internal sealed record RecoveryForm(string? Pending = null, string? Recovery = null, string? Return = null)
{
    public static async ValueTask<RecoveryForm> BindAsync(HttpContext http)
    {
        var form = await PageForm.ReadAsync(http);
        return new(form.Text("pending"), form.Text("recovery"), form.Text("return"));
    }
}
