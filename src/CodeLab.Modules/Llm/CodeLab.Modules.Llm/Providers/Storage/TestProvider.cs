using System.Globalization;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Llm.Admin;
using CodeLab.Modules.Llm.Models;
using CodeLab.Modules.Llm.Providers.Http;
using CodeLab.Modules.Llm.Routing;
using CodeLab.Modules.Llm.Usage;
using MediatR;
using Microsoft.Extensions.AI;

namespace CodeLab.Modules.Llm.Providers.Storage;

/// <summary>
/// Tries a provider the way a call would: its list of models, then a word from one of them. The answer is a sentence that says what to change.
/// </summary>
internal sealed class TestProvider(
    ControlStore control,
    ModelCatalogue catalogue,
    ProviderTransport transport,
    ModelFactsBook facts,
    EgressBook egress,
    ProviderHealthBook health,
    IEnumerable<IProviderKind> kinds,
    TimeProvider time
) : IRequestHandler<TestProviderQuery, Result<ProviderTest>>
{
    private static readonly CallLimits Limits = new(
        TimeSpan.FromSeconds(15),
        TimeSpan.FromSeconds(10),
        TimeSpan.FromSeconds(25),
        Retries: 0,
        TimeSpan.Zero
    );

    public async Task<Result<ProviderTest>> Handle(TestProviderQuery request, CancellationToken cancellationToken)
    {
        if (request.Model is { } model && !ModelName.IsValid(model))
            return AdminErrors.Invalid("model", "This is no model name.");
        var stored = control.Current.Providers.FirstOrDefault(p => p.Row.Id == request.Id);
        if (stored is { Settings: null })
            return new ProviderTest { Message = stored.Fault!, Code = FailureCodes.ProviderError };
        var settings = stored?.Settings ?? catalogue.Environment.FirstOrDefault(e => e.Settings.Name == request.Id)?.Settings;
        if (settings is null)
            return AdminErrors.NotFound("PROVIDER_NOT_FOUND", "provider");
        var kind = kinds.First(k => k.Kind == settings.Kind);
        egress.Note(settings, EgressReasons.Test);
        var (models, refusal) = await ListAsync(kind, settings, cancellationToken);
        // A server need not list its models to serve them; what else is wrong with it, the list shows first.
        if (refusal is not null && (request.Model is null || refusal.Status is 401 or 403 or null))
        {
            health.Failed(settings, EgressReasons.Test, refusal);
            return Failed(refusal, settings, kind, models, null);
        }
        var chosen = request.Model ?? (settings.Models is [var first, ..] ? first : null) ?? kind.ChooseDefault(settings, models);
        if (chosen is null)
        {
            return new ProviderTest
            {
                Message =
                    $"{settings.Name} answers, but lists no model that chats. Name a model to test, or add one to the provider's models.",
                Code = FailureCodes.InvalidModel,
            };
        }
        return await AskAsync(kind, settings, chosen, models, cancellationToken);
    }

    private async Task<(IReadOnlyList<string>, ProviderException?)> ListAsync(
        IProviderKind kind,
        ProviderSettings settings,
        CancellationToken cancellationToken
    )
    {
        using var call = new ProviderCall(settings, Limits, time, cancellationToken);
        using var http = transport.CreateClient(call);
        try
        {
            return (await kind.ListModelsAsync(settings, http, call.Token), null);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            return ([], Understand(e, call));
        }
    }

    private async Task<Result<ProviderTest>> AskAsync(
        IProviderKind kind,
        ProviderSettings settings,
        string model,
        IReadOnlyList<string> models,
        CancellationToken cancellationToken
    )
    {
        var started = time.GetTimestamp();
        using var call = new ProviderCall(settings, Limits, time, cancellationToken);
        using var http = transport.CreateClient(call);
        try
        {
            using var client = kind.CreateClient(settings, model, kind.Complete(facts.Find(model)), http);
            ChatMessage[] messages = [new(ChatRole.User, "Answer with the word: ready")];
            await foreach (var update in client.GetStreamingResponseAsync(messages, new ChatOptions { ModelId = model }, call.Token))
            {
                if (update.Contents.Count == 0)
                    continue;
                health.Succeeded(settings, EgressReasons.Test, model);
                var elapsed = (long)time.GetElapsedTime(started).TotalMilliseconds;
                return new ProviderTest
                {
                    Ok = true,
                    Message = string.Create(CultureInfo.InvariantCulture, $"{settings.Name} works: {model} answered after {elapsed} ms."),
                    Model = model,
                    Milliseconds = elapsed,
                    Models = models,
                };
            }
            var silent = new ProviderException(FailureCodes.ProviderError, $"{settings.Name} answered with nothing.");
            health.Failed(settings, EgressReasons.Test, silent, model);
            return Failed(silent, settings, kind, models, model);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            var failure = Understand(e, call);
            health.Failed(settings, EgressReasons.Test, failure, model);
            return Failed(failure, settings, kind, models, model);
        }
    }

    // Whatever a vendor's SDK throws at an answer that is none means the same: something else speaks at that address.
    private static ProviderException Understand(Exception exception, ProviderCall call) =>
        ProviderException.In(exception)
        ?? (
            exception is OperationCanceledException
                ? call.TimedOut($"sent nothing within {Limits.FirstByte.TotalSeconds:0} s")
                : new ProviderException(FailureCodes.ProviderError, $"{call.Provider.Name} sent an answer that can not be read.", exception)
        );

    private static ProviderTest Failed(
        ProviderException failure,
        ProviderSettings settings,
        IProviderKind kind,
        IReadOnlyList<string> models,
        string? model
    ) =>
        new()
        {
            Message = Advice(failure, settings, kind, model),
            Code = failure.Code,
            Status = failure.Status,
            Model = model,
            Models = models,
        };

    private static string Advice(ProviderException failure, ProviderSettings settings, IProviderKind kind, string? model) =>
        failure switch
        {
            { Status: 401 or 403 } when settings.ApiKey.Length == 0 =>
                $"{settings.Name} asks for a key (status {failure.Status}). Set its api_key.",
            { Status: 401 or 403 } =>
                $"{settings.Name} refused the key (status {failure.Status}). Set the right api_key, with access to this model.",
            { Code: FailureCodes.InvalidModel } when model is not null =>
                $"{settings.Name} does not serve the model '{model}'. Choose one it lists, or correct the provider's models.",
            { Status: 404 } =>
                $"{settings.Name} does not know the address asked (status 404). Check the base_url: servers of the kind '{kind.Kind}' expect "
                    + (kind.OfficialUrl is { } official ? $"one like {official}" : "the address without a path")
                    + ". If another kind of server runs there, make a provider of that kind.",
            { Code: FailureCodes.RateLimitExceeded } =>
                $"{settings.Name} limits the requests (status 429): the key is right. Wait, or raise the limit at the provider.",
            { Code: FailureCodes.InsufficientQuota } => $"The account at {settings.Name} has no credit left. Top it up at the provider.",
            { Code: FailureCodes.Timeout, Status: null } =>
                $"{failure.Message.Split(". ", 2)[0]}. Check that base_url is the address of the server itself, that it runs, and that no firewall is between.",
            { Status: >= 500 } => $"{settings.Name} has a fault of its own (status {failure.Status}). Try again later, or look at its log.",
            { Status: null, InnerException: HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } } =>
                $"No secure connection to {settings.Name}: its certificate is not trusted here, or it speaks no TLS. "
                    + "Use the name its certificate is for, install its authority on this machine, or, for a server in a private network, use http.",
            { Status: null, InnerException: HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError } } =>
                $"The host name of {settings.Name} can not be found. Correct base_url.",
            { InnerException: not null, Status: null } when failure.Message.Contains("can not be read", StringComparison.Ordinal) =>
                $"{settings.Name} answers, but not like a server of the kind '{kind.Kind}'. Check base_url and kind.",
            _ => failure.Message,
        };
}
