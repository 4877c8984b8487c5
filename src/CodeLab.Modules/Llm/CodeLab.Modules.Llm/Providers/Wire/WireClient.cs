using System.Net.Http.Headers;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Providers.Http;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Llm.Providers.Wire;

/// <summary>Sends one try of a door's call and looks at how the answer begins.</summary>
internal sealed class WireClient(ProviderTransport transport, TimeProvider time)
{
    /// <summary>Sends, and returns when status and headers are there and good.</summary>
    /// <param name="target">Who is asked.</param>
    /// <param name="dialect">Dialect of the body.</param>
    /// <param name="body">The body; not disposed, so that it can be sent again.</param>
    /// <param name="inbound">Headers of the caller.</param>
    /// <param name="clock">Clocks of the call.</param>
    /// <exception cref="ProviderException">There is no answer, or it is none.</exception>
    public async ValueTask<WireAnswer> SendAsync(
        CallTarget target,
        CallDialect dialect,
        HttpContent body,
        IHeaderDictionary? inbound,
        CallClock clock
    )
    {
        // Not disposed: it holds nothing but the body, which may be needed for another try.
        var request = target.Kind.Wire!.CreateRequest(target, dialect, inbound);
        request.Content = body;
        var started = time.GetTimestamp();
        HttpResponseMessage? response = null;
        clock.Start(target.Limits.FirstByte);
        try
        {
            response = await transport.Connections(target.Provider).SendAsync(request, clock.Token);
            if (!response.IsSuccessStatusCode)
                throw await AnswerChecks.RefusalAsync(target.Provider.Name, response, time, clock.Token);
            AnswerChecks.ContentType(target.Provider.Name, response);
            var stream = await response.Content.ReadAsStreamAsync(clock.Token);
            return new WireAnswer(response, stream, dialect) { Waited = time.GetElapsedTime(started) };
        }
        catch (Exception e)
        {
            response?.Dispose();
            if (ProviderException.In(e) is { } ours)
                throw ours;
            if (e is OperationCanceledException)
                throw clock.Token.IsCancellationRequested
                    ? clock.Explain(target, begun: false)
                    : AnswerChecks.NotConnected(target.Provider.Name, e);
            if (e is HttpRequestException or IOException)
            {
                if (clock.IsCallerGone)
                    throw new OperationCanceledException(e.Message, e, clock.Whole);
                throw AnswerChecks.Unreachable(target.Provider.Name, e);
            }
            throw;
        }
    }
}

/// <summary>An answer whose status and headers are good.</summary>
internal sealed class WireAnswer(HttpResponseMessage response, Stream body, CallDialect dialect) : IDisposable
{
    public Stream Body => body;

    public CallDialect Dialect => dialect;

    /// <summary>Time from sending to the headers.</summary>
    public TimeSpan Waited { get; init; }

    public long? Length => response.Content.Headers.ContentLength;

    public MediaTypeHeaderValue? ContentType => response.Content.Headers.ContentType;

    /// <summary>A header of the provider's; null when it sent none.</summary>
    public string? Header(string name) => response.Headers.NonValidated.TryGetValues(name, out var values) ? values.ToString() : null;

    public void Dispose() => response.Dispose();
}
