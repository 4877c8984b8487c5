using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Limits;
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
    private static readonly Lazy<string> _page = new(LoadPage);
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
        var setup = app.MapGroup("/setup").WithTags("Setup").AllowAnonymous();
        setup.MapGet("/", ShowPageAsync).WithName("GetSetup").WithSummary("Page on which the first administrator is created");
        setup.MapPost("/", PostAsync).WithName("ClaimSetup").WithSummary("Creates the first administrator");
    }

    private static async Task ShowPageAsync(HttpContext context, SetupState state, StartupGate startup)
    {
        var done = startup.IsOpen && await state.IsClaimedAsync(context.RequestAborted);
        var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        var page = _page.Value.Replace("{{nonce}}", nonce, StringComparison.Ordinal);
        page = page.Replace("{{state}}", done ? "done" : "open", StringComparison.Ordinal);
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy =
            $"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
            + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
        headers.CacheControl = "no-store";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        context.Response.StatusCode = done ? StatusCodes.Status410Gone : StatusCodes.Status200OK;
        context.Response.ContentType = "text/html; charset=utf-8";
        await context.Response.WriteAsync(page, context.RequestAborted);
    }

    private static async Task<IResult> PostAsync(
        HttpContext context,
        SetupState state,
        StartupGate startup,
        Accounts accounts,
        SignInLimits limits,
        ClientAddress addresses,
        IOptions<AuthOptions> options,
        ILogger<SetupState> logger
    )
    {
        if (!startup.IsOpen)
            return new Error("STARTING", "The service is starting.", 503) { RetryAfterSeconds = 1 }.ToProblem(context);
        if (await state.IsClaimedAsync(context.RequestAborted))
            return _gone.ToProblem(context);
        if (!options.Value.AllowPlainHttp && !addresses.IsPrivateTransport(context))
            return _clear.ToProblem(context);
        var limit = await limits.TakeSetupAsync(context);
        if (!limit.Allowed)
        {
            var wait = Math.Max(1, (int)Math.Ceiling(limit.RetryAfter.TotalSeconds));
            return new Error("RATE_LIMIT_EXCEEDED", "Too many tries. Please wait.", 429) { RetryAfterSeconds = wait }.ToProblem(context);
        }
        if (await ReadAsync(context) is not { } body)
            return _body.ToProblem(context);
        try
        {
            return await ClaimAsync(context, body, state, accounts, logger);
        }
        catch (PasswordQueueFullException)
        {
            return UserErrors.Busy.ToProblem(context);
        }
    }

    private static async Task<IResult> ClaimAsync(
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
                return _lost.ToProblem(context);
            case TokenCheck.Expired:
                return _expired.ToProblem(context);
            case TokenCheck.Wrong:
                WrongToken(logger);
                return _wrong.ToProblem(context);
        }
        var result = await accounts.CreateAsync(
            new(body.Username ?? "", body.Email ?? "", body.Password ?? "", [Roles.Admin]),
            state.Claim(token),
            context.RequestAborted
        );
        if (result.Error is { } error)
            return error.ToProblem(context);
        if (result.Value is not { } account)
            return _lost.ToProblem(context);
        state.Claimed();
        Claimed(logger, account.Id);
        return Results.Json(account, UsersJson.Default.Account, statusCode: StatusCodes.Status201Created);
    }

    private static async Task<ClaimBody?> ReadAsync(HttpContext context)
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

    private static string LoadPage()
    {
        using var stream = typeof(SetupEndpoints).Assembly.GetManifestResourceStream("setup.html")!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
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
