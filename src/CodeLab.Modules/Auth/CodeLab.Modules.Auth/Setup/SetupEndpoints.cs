using System.Text.Json;
using System.Text.Json.Serialization;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Limits;
using CodeLab.Modules.Auth.Pages;
using CodeLab.Modules.Auth.Pages.SignIn;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Setup;

/// <summary>The set-up page and its claim (security.md §5).</summary>
internal static partial class SetupEndpoints
{
    private static readonly Error _wrong = new("SETUP_TOKEN_INVALID", "The link is not valid. Use the newest one on the console.", 400);
    private static readonly Error _expired = new(
        "SETUP_TOKEN_EXPIRED",
        "The link has expired. Restart the service to print a new one.",
        400
    );
    private static readonly Error _lost = new("SETUP_ALREADY_CLAIMED", "Somebody else has just created the administrator.", 409);
    private static readonly Error _gone = new("SETUP_DONE", "The administrator has been created. Sign in instead.", 410);
    private static readonly Error _clear = new("HTTPS_REQUIRED", "Use HTTPS: passwords do not travel in clear text.", 400);
    private static readonly Error _body = new("INVALID_REQUEST", "Send token, username, email and password as JSON.", 400);

    public static void Map(IEndpointRouteBuilder app)
    {
        // The page is posted as a form, installers post JSON.
        var setup = app.MapPages().MapGroup("/setup").WithTags("Setup").AllowAnonymous().WithMetadata(new AlsoAnswersJson());
        setup.MapGet("/", ShowPageAsync).WithName("GetSetup").WithSummary("Page on which the first administrator is created");
        setup.MapPost("/", PostAsync).WithName("ClaimSetup").WithSummary("Creates the first administrator");
    }

    private static async Task<IResult> ShowPageAsync(HttpContext context, SetupState state, StartupGate startup)
    {
        var page = PageContext.Of(context);
        return startup.IsOpen && await state.IsClaimedAsync(context.RequestAborted)
            ? SetupPage.Done(page)
            : SetupPage.Show(page, new("", "", "", null), error: null);
    }

    private static async Task<IResult> PostAsync(
        HttpContext context,
        SetupState state,
        StartupGate startup,
        Accounts accounts,
        SignInLimits limits,
        ClientAddress addresses,
        EnabledUsers users,
        BrowserSessions sessions,
        IOptions<AuthOptions> options,
        ILogger<SetupState> logger
    )
    {
        var isForm = context.Request.HasFormContentType;
        var body = isForm ? await ReadFormAsync(context) : null;
        var result = await TryClaimAsync();
        if (!isForm)
        {
            return result.Error is { } fault
                ? fault.ToProblem(context)
                : Results.Json(result.Value, UsersJson.Default.Account, statusCode: StatusCodes.Status201Created);
        }
        var page = PageContext.Of(context);
        if (result.Error is { } error)
            return error.Code is "SETUP_DONE" ? SetupPage.Done(page) : SetupPage.Show(page, body!, error);
        // Whoever has just chosen the password need not type it again.
        var user = await users.FindAsync(result.Value!.Id, context.RequestAborted);
        return await SignInEndpoints.FinishAsync(context, sessions, user!, "pwd", BrowserSession.AccountPath);

        async Task<Result<Account>> TryClaimAsync()
        {
            if (!startup.IsOpen)
                return new Error("STARTING", "The service is starting.", 503) { RetryAfterSeconds = 1 };
            if (await state.IsClaimedAsync(context.RequestAborted))
                return _gone;
            if (!options.Value.AllowPlainHttp && !addresses.IsPrivateTransport(context))
                return _clear;
            var limit = await limits.TakeSetupAsync(context);
            if (!limit.Allowed)
            {
                var wait = Math.Max(1, (int)Math.Ceiling(limit.RetryAfter.TotalSeconds));
                return new Error("RATE_LIMIT_EXCEEDED", "Too many tries. Please wait.", 429) { RetryAfterSeconds = wait };
            }
            body ??= await ReadJsonAsync(context);
            if (body is null)
                return _body;
            try
            {
                return await ClaimAsync(context, body, state, accounts, logger);
            }
            catch (PasswordQueueFullException)
            {
                return UserErrors.Busy;
            }
        }
    }

    private static async Task<Result<Account>> ClaimAsync(
        HttpContext context,
        ClaimBody body,
        SetupState state,
        Accounts accounts,
        ILogger<SetupState> logger
    )
    {
        var token = body.Token ?? "";
        switch (await state.CheckAsync(token, context.RequestAborted))
        {
            case TokenCheck.Claimed:
                return _lost;
            case TokenCheck.Expired:
                return _expired;
            case TokenCheck.Wrong:
                WrongToken(logger);
                return _wrong;
        }
        var result = await accounts.CreateAsync(
            new(body.Username ?? "", body.Email ?? "", body.Password ?? "", [Roles.Admin]),
            state.Claim(token),
            context.RequestAborted
        );
        if (result.Error is { } error)
            return error;
        if (result.Value is not { } account)
            return _lost;
        state.Claimed();
        Claimed(logger, account.Id);
        return account;
    }

    private static async Task<ClaimBody?> ReadJsonAsync(HttpContext context)
    {
        try
        {
            return context.Request.HasJsonContentType()
                ? await context.Request.ReadFromJsonAsync(SetupJson.Default.ClaimBody, context.RequestAborted)
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static async Task<ClaimBody> ReadFormAsync(HttpContext context)
    {
        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        return new(form["token"], form["username"], form["email"], form["password"]);
    }

    internal sealed record ClaimBody(string? Token, string? Username, string? Email, string? Password);

    [LoggerMessage(2021, LogLevel.Warning, "A set-up claim came with a wrong token")]
    private static partial void WrongToken(ILogger logger);

    [LoggerMessage(2022, LogLevel.Information, "Set-up was claimed: {UserId} is the administrator")]
    private static partial void Claimed(ILogger logger, string userId);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(SetupEndpoints.ClaimBody))]
internal sealed partial class SetupJson : JsonSerializerContext;
