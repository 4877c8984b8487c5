using CodeLab.Modules.Llm.Calls;

namespace CodeLab.Modules.Llm.Doors;

/// <summary>An answer that has begun at a target, and how it is handed on to the caller.</summary>
internal abstract class StartedAnswer(CallTarget target) : IDisposable
{
    public CallTarget Target => target;

    /// <summary>Time in which the provider was waited for until its headers.</summary>
    public TimeSpan Waited { get; protected init; }

    /// <summary>Tokens as reported so far.</summary>
    public abstract CallUsage? Usage { get; }

    /// <summary>The usage is the final one; Anthropic tells the input at the beginning and the output at the end.</summary>
    public virtual bool IsUsageFinal => true;

    /// <summary>Characters or bytes of content so far.</summary>
    public abstract long Written { get; }

    /// <summary>Hands the answer on to its end.</summary>
    /// <exception cref="Providers.Http.ProviderException">It has no good end.</exception>
    public abstract ValueTask ForwardAsync(DoorCall call);

    public abstract void Dispose();
}
