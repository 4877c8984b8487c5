using System.Globalization;
using System.Security.Claims;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Pages;
using CodeLab.Modules.Auth.Pages.Account;
using CodeLab.Modules.Auth.Pages.SignIn;
using CodeLab.Modules.Auth.SecondFactor;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Auth.External;

/// <summary>
/// What becomes of somebody a provider vouches for: signed in when linked, linked when asked for by the signed-in user, made a user where the
/// configuration says so. An e-mail address never opens an account that exists: whoever controls the address at a provider need not be the
/// person it belongs to here.
/// </summary>
internal sealed partial class ExternalSignIn(
    ExternalLogins logins,
    EnabledUsers users,
    BrowserSessions sessions,
    SecondFactors factors,
    PendingSignIn pending,
    IAuditTrail audit,
    Access.Callers callers,
    TimeProvider time,
    ILogger<ExternalSignIn> logger
)
{
    /// <summary>Why the browser was sent to the provider: nothing for signing in, <c>link</c>, or <c>confirm</c>.</summary>
    public const string Purpose = "codelab.purpose";

    /// <summary>The browser session that asked to link or confirm. It is in the encrypted state, for the strict cookie does not come back.</summary>
    public const string Session = "codelab.session";

    public async Task<IResult> FinishAsync(
        HttpContext http,
        ExternalProviderOptions external,
        ClaimsPrincipal principal,
        AuthenticationProperties properties
    )
    {
        var page = PageContext.Of(http);
        if (Read(external, principal) is not { } person)
            return Sorry(page, external, page.Say("It did not tell who you are.", "Он не сообщил, кто вы."));
        var back = ReturnPath.Of(properties.RedirectUri, BrowserSession.AccountPath);
        if (!properties.Items.TryGetValue(Purpose, out var purpose))
            return await SignInAsync(http, page, external, person, back);
        if (
            !properties.Items.TryGetValue(Session, out var signInId)
            || await sessions.FindAsync(signInId!, isActive: true, http.RequestAborted) is not { } state
        )
            return Sorry(page, external, page.Say("Your session ended meanwhile.", "Ваш сеанс тем временем завершился."));
        if (purpose == "link")
        {
            return await logins.LinkAsync(state.UserId, person, external.Shown, http.RequestAborted)
                ? GoOn(page, SecurityPage.Path + "?done=linked")
                : Sorry(
                    page,
                    external,
                    page.Say("That person is linked to another account here.", "Этот человек связан здесь с другой учётной записью.")
                );
        }
        // Confirming means that the person has just typed something there, not that the provider remembered them.
        var isFresh =
            long.TryParse(principal.FindFirstValue("auth_time"), NumberStyles.None, CultureInfo.InvariantCulture, out var at)
            && time.GetUtcNow() - DateTimeOffset.FromUnixTimeSeconds(at) < TimeSpan.FromMinutes(5);
        if (!isFresh || await logins.FindAsync(person, http.RequestAborted) != state.UserId)
            return Sorry(page, external, page.Say("It did not confirm that it is you.", "Он не подтвердил, что это вы."));
        sessions.Confirm(http, state.SignInId);
        return GoOn(page, back);
    }

    /// <summary>The provider refused, or its answer was not good: state, nonce, issuer or signature.</summary>
    public IResult Refuse(HttpContext http, ExternalProviderOptions external, Exception? failure)
    {
        Failed(external.Name, failure?.GetType().Name ?? "unknown");
        var page = PageContext.Of(http);
        return Sorry(page, external, page.Say("It refused, or its answer was not valid.", "Он отказал, или его ответ недействителен."));
    }

    private async Task<IResult> SignInAsync(
        HttpContext http,
        PageContext page,
        ExternalProviderOptions external,
        ExternalPerson person,
        string back
    )
    {
        if (!IsDomainAllowed(external, person))
            return await RefusedAsync(
                http,
                page,
                external,
                "domain",
                page.Say("Your e-mail address may not sign in here.", "С вашим адресом почты войти здесь нельзя.")
            );
        if (RolesOf(external, person) is not { } roles)
            return await RefusedAsync(
                http,
                page,
                external,
                "groups",
                page.Say("None of your groups may sign in here.", "Ни одной из ваших групп вход не разрешён.")
            );
        var userId = await logins.FindAsync(person, http.RequestAborted);
        if (userId is null)
        {
            (userId, var fault) = await CreateAsync(page, external, person, roles, http.RequestAborted);
            if (userId is null)
                return await RefusedAsync(http, page, external, "unknown", fault!);
        }
        else if (external.GroupRoles.Count > 0)
        {
            await logins.SetRolesAsync(userId, roles, http.RequestAborted);
        }
        if (await users.FindAsync(userId, http.RequestAborted) is not { } user)
            return await RefusedAsync(
                http,
                page,
                external,
                "disabled",
                page.Say("Your account here is disabled.", "Ваша учётная запись здесь отключена.")
            );
        await users.SignedInAsync(user.Id, http.RequestAborted);
        if (await factors.IsOnAsync(user.Id, http.RequestAborted))
            return SignInEndpoints.AskCode(page, pending.Seal(user, "external"), back, problem: null, isRecovery: false);
        await sessions.StartAsync(http, user, "external");
        return GoOn(page, back);
    }

    private async Task<(string? UserId, string? Fault)> CreateAsync(
        PageContext page,
        ExternalProviderOptions external,
        ExternalPerson person,
        IReadOnlyList<string> roles,
        CancellationToken cancellationToken
    )
    {
        var link = page.Say(
            "No account here is linked to it. Sign in the way you usually do and link it under Security, or ask an administrator for an invitation.",
            "С ним не связана ни одна учётная запись. Войдите обычным способом и свяжите его в разделе «Безопасность» или попросите у администратора приглашение."
        );
        if (!external.CreateUsers)
            return (null, link);
        if (person.Email is not { } email || !person.IsEmailVerified)
            return (null, page.Say("It did not vouch for an e-mail address of yours.", "Он не подтвердил адрес вашей почты."));
        if (await logins.IsEmailTakenAsync(email, cancellationToken))
            return (null, link);
        var name = NameOf(person, email);
        for (var number = 1; number <= 20; number++)
        {
            var tried = number == 1 ? name : $"{name}-{number}";
            if (await logins.CreateAsync(person, tried, email, string.Join(' ', roles), external.Shown, cancellationToken) is { } id)
                return (id, null);
        }
        return (null, link);
    }

    /// <summary>A user name by our rules: 3 to 255 of <c>A-Z a-z 0-9 _ -</c>.</summary>
    private static string NameOf(ExternalPerson person, string email)
    {
        var source = person.UserName is { Length: > 0 } preferred ? preferred.Split('@')[0] : email.Split('@')[0];
        var name = string.Concat(source.Select(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' ? c : '-')).Trim('-');
        if (name.Length > 60)
            name = name[..60];
        return name.Length >= 3 ? name : $"user-{name}".TrimEnd('-');
    }

    private static bool IsDomainAllowed(ExternalProviderOptions external, ExternalPerson person) =>
        external.EmailDomains.Count == 0
        || (
            person is { IsEmailVerified: true, Email: { } email }
            && external.EmailDomains.Contains(email[(email.LastIndexOf('@') + 1)..], StringComparer.OrdinalIgnoreCase)
        );

    private static string[]? RolesOf(ExternalProviderOptions external, ExternalPerson person)
    {
        var mapped = person
            .Groups.Select(g => external.GroupRoles.GetValueOrDefault(g))
            .OfType<string>()
            .Distinct(StringComparer.Ordinal)
            .ToArray();
        if (mapped.Length > 0)
            return mapped;
        return external.DefaultRole.Length > 0 ? [external.DefaultRole] : null;
    }

    private static ExternalPerson? Read(ExternalProviderOptions external, ClaimsPrincipal principal)
    {
        if (principal.FindFirstValue("sub") is not { Length: > 0 and <= 255 } subject)
            return null;
        var email = principal.FindFirstValue("email");
        var isVerified =
            external.TrustEmail || string.Equals(principal.FindFirstValue("email_verified"), "true", StringComparison.OrdinalIgnoreCase);
        return new(external.Issuer, subject)
        {
            Email = email is { Length: > 2 and <= 255 } && email.Contains('@', StringComparison.Ordinal) ? email : null,
            IsEmailVerified = isVerified,
            UserName = principal.FindFirstValue("preferred_username"),
            Groups = [.. principal.FindAll(external.GroupsClaim).Select(c => c.Value)],
        };
    }

    private async Task<IResult> RefusedAsync(
        HttpContext http,
        PageContext page,
        ExternalProviderOptions external,
        string reason,
        string text
    )
    {
        await audit.AppendAsync(
            callers.Stamp(
                new("login_failed")
                {
                    ClientId = BrowserSession.ClientId,
                    Outcome = "denied",
                    Reason = "external_" + reason,
                    Metadata = new Dictionary<string, object?>(StringComparer.Ordinal) { ["issuer"] = external.Issuer },
                }
            ),
            http.RequestAborted
        );
        return Sorry(page, external, text);
    }

    private static IResult GoOn(PageContext page, string path) =>
        page.GoOn(path, page.Say("You are signed in", "Вы вошли"), page.Say("The page opens by itself.", "Страница откроется сама."));

    private static IResult Sorry(PageContext page, ExternalProviderOptions external, string text) =>
        page.Message(
            page.Say($"{external.Shown} did not let you in", $"Войти через {external.Shown} не получилось"),
            text,
            (BrowserSession.SignInPath, page.Say("Sign in another way", "Войти иначе")),
            StatusCodes.Status403Forbidden
        );

    [LoggerMessage(2042, LogLevel.Information, "A sign-in by {Provider} failed: {Reason}")]
    private partial void Failed(string provider, string reason);
}
