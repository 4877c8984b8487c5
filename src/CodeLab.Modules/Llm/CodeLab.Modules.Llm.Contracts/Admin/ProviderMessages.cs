using System.Text;
using CodeLab.BuildingBlocks.Results;
using MediatR;

namespace CodeLab.Modules.Llm.Admin;

/// <summary>Lists all providers, those of the environment first.</summary>
public sealed record ListProvidersQuery : IRequest<IReadOnlyList<ProviderInfo>>;

/// <summary>Makes a provider; it is in use at once. Errors: <c>INVALID_REQUEST</c> (400), <c>PROVIDER_EXISTS</c> (409).</summary>
/// <param name="Actor">Who.</param>
/// <param name="Draft">Name and kind are required.</param>
public sealed record CreateProviderCommand(AdminActor Actor, ProviderDraft Draft) : IRequest<Result<ProviderInfo>>;

/// <summary>
/// Changes a provider of the database. Errors: <c>PROVIDER_NOT_FOUND</c> (404), <c>PROVIDER_READ_ONLY</c> (409, it comes from the environment),
/// <c>INVALID_REQUEST</c> (400).
/// </summary>
/// <param name="Actor">Who.</param>
/// <param name="Id">Which.</param>
/// <param name="Draft">Members that are null stay as they are. Name and kind can not change.</param>
public sealed record ChangeProviderCommand(AdminActor Actor, string Id, ProviderDraft Draft) : IRequest<Result<ProviderInfo>>;

/// <summary>Deletes a provider of the database; calls under way end as they would have.</summary>
/// <param name="Actor">Who.</param>
/// <param name="Id">Which.</param>
public sealed record DeleteProviderCommand(AdminActor Actor, string Id) : IRequest<Result<Deleted>>;

/// <summary>Asks a provider for its models, then one of them for a word; names what is wrong in a sentence that says what to change.</summary>
/// <param name="Id">Which.</param>
/// <param name="Model">Model to ask; null = the first one it offers.</param>
public sealed record TestProviderQuery(string Id, string? Model) : IRequest<Result<ProviderTest>>;

/// <summary>Wraps all data keys of providers with the key-encryption key of now, while everything goes on (security.md §9.2).</summary>
/// <param name="Actor">Who.</param>
public sealed record RewrapProviderKeysCommand(AdminActor Actor) : IRequest<Result<RewrapAnswer>>;

/// <summary>A provider as administrators see it.</summary>
public sealed record ProviderInfo
{
    /// <summary>Id; of one from the environment its name.</summary>
    public required string Id { get; init; }

    /// <summary>Name and prefix of its models.</summary>
    public required string Name { get; init; }

    /// <summary><c>openai</c>, <c>anthropic</c>, <c>ollama</c>, <c>azure_openai</c>, <c>demo</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Address; null where no network is involved.</summary>
    public string? BaseUrl { get; init; }

    /// <summary>Models offered whether or not it lists them.</summary>
    public required IReadOnlyList<string> Models { get; init; }

    /// <summary>Settings only its kind understands.</summary>
    public IReadOnlyDictionary<string, string>? Settings { get; init; }

    /// <summary>Loopback and private addresses may be reached, and plain HTTP used.</summary>
    public bool AllowPrivateNetwork { get; init; }

    /// <summary>False while it is switched off.</summary>
    public bool Enabled { get; init; }

    /// <summary>A key is stored.</summary>
    public bool HasKey { get; init; }

    /// <summary>The last four characters of the key.</summary>
    public string? KeyLast4 { get; init; }

    /// <summary>It comes from the environment: change it there.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary><c>healthy</c>, <c>unhealthy</c>, <c>unknown</c>, <c>off</c> or <c>unusable</c> (its key can not be decrypted).</summary>
    public required string Status { get; init; }

    /// <summary>What is wrong, and what to change.</summary>
    public string? Fault { get; init; }

    /// <summary>When it was last asked.</summary>
    public DateTimeOffset? CheckedAt { get; init; }

    /// <summary>Models it serves, as far as it said.</summary>
    public IReadOnlyList<string> Serves { get; init; } = [];

    /// <summary>Models that are given a rest because they kept failing.</summary>
    public IReadOnlyList<string> Resting { get; init; } = [];

    /// <summary>When it was made; null for one of the environment.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>When it was last changed.</summary>
    public DateTimeOffset? UpdatedAt { get; init; }
}

/// <summary>What an administrator writes of a provider.</summary>
public sealed record ProviderDraft
{
    /// <summary>1 to 40 of <c>a-z 0-9 -</c>.</summary>
    public string? Name { get; init; }

    /// <summary><c>openai</c>, <c>anthropic</c>, <c>ollama</c> or <c>azure_openai</c>.</summary>
    public string? Kind { get; init; }

    /// <summary>Address; may be left out where the kind has an official one. HTTPS, unless private networks are allowed.</summary>
    public string? BaseUrl { get; init; }

    /// <summary>The provider's key; empty = none. Stored encrypted, never shown again.</summary>
    public string? ApiKey { get; init; }

    /// <summary>Models offered whether or not it lists them.</summary>
    public IReadOnlyList<string>? Models { get; init; }

    /// <summary>Settings only its kind understands, e.g. <c>api_version</c>.</summary>
    public IReadOnlyDictionary<string, string>? Settings { get; init; }

    /// <summary>Lets loopback and private addresses be reached, and plain HTTP be used.</summary>
    public bool? AllowPrivateNetwork { get; init; }

    /// <summary>False switches it off.</summary>
    public bool? Enabled { get; init; }

    // A record prints its members; the key has no place in a text.
    private bool PrintMembers(StringBuilder builder)
    {
        builder.Append("Name = ").Append(Name).Append(", Kind = ").Append(Kind);
        return true;
    }
}

/// <summary>Answer of a test.</summary>
public sealed record ProviderTest
{
    /// <summary>True when a model answered.</summary>
    public bool Ok { get; init; }

    /// <summary>What was found, in a sentence that says what to change.</summary>
    public required string Message { get; init; }

    /// <summary>Code of the failure.</summary>
    public string? Code { get; init; }

    /// <summary>HTTP status of the provider, when there was one.</summary>
    public int? Status { get; init; }

    /// <summary>Model that was asked.</summary>
    public string? Model { get; init; }

    /// <summary>Milliseconds to the first piece of the answer.</summary>
    public long? Milliseconds { get; init; }

    /// <summary>Models it lists.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];
}

/// <summary>Answer of <see cref="RewrapProviderKeysCommand"/>.</summary>
/// <param name="KekId">Id of the key-encryption key of now.</param>
/// <param name="Rewrapped">Keys that were wrapped anew.</param>
/// <param name="Current">Keys that were wrapped by it already.</param>
/// <param name="Failed">Names of providers whose key could not be unwrapped; they were left as they were.</param>
public sealed record RewrapAnswer(string KekId, int Rewrapped, int Current, IReadOnlyList<string> Failed);
