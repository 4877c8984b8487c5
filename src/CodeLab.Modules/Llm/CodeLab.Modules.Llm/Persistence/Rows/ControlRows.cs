namespace CodeLab.Modules.Llm.Persistence.Rows;

/// <summary>A provider made by an administrator.</summary>
internal sealed record ProviderRow
{
    public required string Id { get; init; }

    /// <summary>Name and prefix, e.g. <c>work</c> in <c>work/gpt-4o</c>.</summary>
    public required string Name { get; init; }

    public required string Kind { get; init; }

    /// <summary>Null = the kind's official address.</summary>
    public string? BaseUrl { get; init; }

    /// <summary>JSON list of models offered whether or not the provider lists them.</summary>
    public required string Models { get; init; }

    /// <summary>JSON object of settings that only its kind understands, e.g. <c>api_version</c>.</summary>
    public required string Settings { get; init; }

    public bool AllowPrivateNetwork { get; init; }

    public bool Enabled { get; init; }

    /// <summary>The provider's key, encrypted by its data key; null where none is asked.</summary>
    public byte[]? SecretCipher { get; init; }

    /// <summary>The data key, wrapped by the key-encryption key <see cref="KekId"/>.</summary>
    public byte[]? WrappedDataKey { get; init; }

    public string? KekId { get; init; }

    public string? SecretLast4 { get; init; }

    public long CreatedAt { get; init; }

    public long UpdatedAt { get; init; }
}

/// <summary>An alias and the deployments behind it.</summary>
internal sealed record RouteRow
{
    public required string Id { get; init; }

    /// <summary>Alias, e.g. <c>fast</c>.</summary>
    public required string Name { get; init; }

    public string? Description { get; init; }

    /// <summary><c>ordered</c> or <c>weighted</c>.</summary>
    public required string Strategy { get; init; }

    /// <summary>JSON list of <c>{model, weight}</c>.</summary>
    public required string Targets { get; init; }

    public bool Enabled { get; init; }

    public long UpdatedAt { get; init; }
}

/// <summary>A price that replaces or adds to the shipped ones.</summary>
internal sealed record PriceRow
{
    public required string Model { get; init; }

    /// <summary>JSON of the price.</summary>
    public required string Price { get; init; }

    public long UpdatedAt { get; init; }
}

/// <summary>Which models a user, a team or everybody may use, and how fast.</summary>
internal sealed record AccessRuleRow
{
    /// <summary><c>everyone</c>, <c>team</c> or <c>user</c>.</summary>
    public required string Scope { get; init; }

    /// <summary>Id; empty for everyone.</summary>
    public required string Subject { get; init; }

    /// <summary>JSON list of names and patterns; null = no list.</summary>
    public string? Models { get; init; }

    public int? RequestsPerMinute { get; init; }

    public int? TokensPerMinute { get; init; }

    public int? Concurrent { get; init; }

    public long UpdatedAt { get; init; }
}

/// <summary>A limit on spending.</summary>
internal sealed record BudgetRow
{
    public required string Id { get; init; }

    /// <summary><c>everyone</c>, <c>team</c>, <c>user</c>, <c>key</c> or <c>session</c>.</summary>
    public required string Scope { get; init; }

    /// <summary>Id of the subject; <c>*</c> = each one of its own; empty for everyone together.</summary>
    public required string Subject { get; init; }

    /// <summary><c>total</c>, <c>day</c>, <c>week</c> or <c>month</c> (UTC).</summary>
    public required string Period { get; init; }

    /// <summary>Millionths of <see cref="Currency"/>.</summary>
    public long AmountMicros { get; init; }

    public required string Currency { get; init; }

    public bool Enabled { get; init; }

    public long CreatedAt { get; init; }

    public long UpdatedAt { get; init; }
}

/// <summary>What was spent of a budget by one subject in one period. <c>spent + held</c> never passes the amount.</summary>
internal sealed record BudgetPeriodRow
{
    public required string BudgetId { get; init; }

    public required string Subject { get; init; }

    /// <summary>Milliseconds of its start; 0 for a total.</summary>
    public long PeriodStart { get; init; }

    /// <summary>Nanos of US dollars.</summary>
    public long Spent { get; init; }

    /// <summary>Nanos held by all nodes for calls under way.</summary>
    public long Held { get; init; }
}

/// <summary>The part of <see cref="BudgetPeriodRow.Held"/> one node has.</summary>
internal sealed record BudgetHoldRow
{
    public required string BudgetId { get; init; }

    public required string Subject { get; init; }

    public long PeriodStart { get; init; }

    public required string NodeId { get; init; }

    public long Held { get; init; }
}

/// <summary>A node that holds money or has calls under way.</summary>
internal sealed record NodeRow
{
    public required string NodeId { get; init; }

    /// <summary>By the database's clock.</summary>
    public long SeenAt { get; init; }
}

/// <summary>A call under way whose money is reserved: if its node dies, it is settled as estimated.</summary>
internal sealed record OpenCallRow
{
    public required string Id { get; init; }

    public required string NodeId { get; init; }

    public long OpenedAt { get; init; }

    /// <summary>JSON of the ledger entry it becomes if nobody settles it, and of the budgets it charges.</summary>
    public required string Call { get; init; }
}

/// <summary>A single fact: version of the configuration, currencies, content logging.</summary>
internal sealed record SettingRow
{
    public required string Name { get; init; }

    public string? Value { get; init; }

    public long Number { get; init; }
}

/// <summary>An outbound host.</summary>
internal sealed record EgressRow
{
    /// <summary>Host and port.</summary>
    public required string Host { get; init; }

    /// <summary>Why it is called: <c>chat</c>, <c>models</c>, <c>test</c>, …</summary>
    public required string Reason { get; init; }

    public string? Provider { get; init; }

    public long Calls { get; init; }

    public long FirstCallAt { get; init; }

    public long LastCallAt { get; init; }
}

/// <summary>Content of a call, kept only while an administrator has switched it on, redacted.</summary>
internal sealed record ContentRow
{
    public required string CallId { get; init; }

    public required string UserId { get; init; }

    public string? Request { get; init; }

    public string? Response { get; init; }

    public long CreatedAt { get; init; }

    public long ExpiresAt { get; init; }
}

/// <summary>Sums of the ledger for an hour or a day and one combination of who and what. Absent parts are empty texts.</summary>
internal abstract record UsageSumRow
{
    /// <summary>Milliseconds of the start of the hour or day, UTC.</summary>
    public long Start { get; init; }

    public required string UserId { get; init; }

    public required string TeamId { get; init; }

    public required string KeyId { get; init; }

    public required string Agent { get; init; }

    public required string Provider { get; init; }

    public required string Model { get; init; }

    public long Calls { get; init; }

    public long Failed { get; init; }

    public long CacheHits { get; init; }

    public long InputTokens { get; init; }

    public long OutputTokens { get; init; }

    public long CachedTokens { get; init; }

    public long ReasoningTokens { get; init; }

    public long CostNanos { get; init; }

    /// <summary>Calls whose price is not known.</summary>
    public long Unpriced { get; init; }

    public long DurationMs { get; init; }
}

internal sealed record UsageHourRow : UsageSumRow;

internal sealed record UsageDayRow : UsageSumRow;
