using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Providers.Http;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Llm.Providers.Wire;

/// <summary>How a kind of provider is spoken to over HTTP without its SDK: which dialects it takes, where, and how it knows us.</summary>
internal abstract class ProviderWire
{
    private readonly ConditionalWeakTable<ProviderSettings, Endpoints> _endpoints = [];

    /// <summary>The dialect into which chats of any other are translated.</summary>
    public abstract CallDialect ChatDialect { get; }

    /// <summary>The dialect for embeddings; null when it has none.</summary>
    public virtual CallDialect? EmbeddingsDialect => null;

    /// <summary>True when calls of this dialect can be passed through as they are.</summary>
    public abstract bool Speaks(ProviderSettings provider, CallDialect dialect);

    /// <summary>A request to a target, with its credentials and without a body yet.</summary>
    /// <param name="target">Who is asked.</param>
    /// <param name="dialect">Dialect of the body.</param>
    /// <param name="inbound">Headers of the caller, of which a kind may pass on some; null = none.</param>
    public HttpRequestMessage CreateRequest(CallTarget target, CallDialect dialect, IHeaderDictionary? inbound)
    {
        var endpoints = _endpoints.GetValue(target.Provider, static _ => new Endpoints());
        var key = (dialect, NamesModelInAddress(target.Provider) ? target.Model : "");
        var address = endpoints.GetOrAdd(
            key,
            static (_, a) => a.Wire.Address(a.Target.Provider, a.Dialect, a.Target.Model),
            (Wire: this, Target: target, Dialect: dialect)
        );
        var request = new HttpRequestMessage(HttpMethod.Post, address);
        Authorize(request.Headers, target.Provider, inbound);
        return request;
    }

    /// <summary>Where calls of a dialect go.</summary>
    protected abstract Uri Address(ProviderSettings provider, CallDialect dialect, string model);

    /// <summary>Adds the key, and headers of the caller that belong to the dialect.</summary>
    protected abstract void Authorize(HttpRequestHeaders headers, ProviderSettings provider, IHeaderDictionary? inbound);

    /// <summary>The address differs from model to model.</summary>
    protected virtual bool NamesModelInAddress(ProviderSettings provider) => false;

    protected static Uri Under(ProviderSettings provider, string path) => provider.BaseUrl!.Under(path);

    // Addresses are parsed once for a provider, not once for a call.
    private sealed class Endpoints : ConcurrentDictionary<(CallDialect, string), Uri>;
}
