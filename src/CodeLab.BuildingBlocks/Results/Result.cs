using System.Diagnostics.CodeAnalysis;

namespace CodeLab.BuildingBlocks.Results;

/// <summary>A failure that a caller is meant to handle.</summary>
/// <param name="Code">Stable code, e.g. <c>SESSION_NOT_FOUND</c>; listed in docs/errors.md.</param>
/// <param name="Message">Sentence for a person that says what to do next.</param>
/// <param name="Status">HTTP status a door answers with.</param>
public sealed record Error(string Code, string Message, int Status)
{
    /// <summary>Extra facts, e.g. the field that is wrong.</summary>
    public IReadOnlyDictionary<string, string>? Details { get; init; }

    /// <summary>Seconds to wait before trying again; only with limits and overload.</summary>
    public int? RetryAfterSeconds { get; init; }
}

/// <summary>The answer of a handler: a value, or an <see cref="Results.Error"/> the caller is meant to handle. All else is thrown.</summary>
/// <typeparam name="T">Type of the value; <see cref="MediatR.Unit"/> where there is none.</typeparam>
public readonly record struct Result<T>
{
    private Result(T? value, Error? error) => (Value, Error) = (value, error);

    /// <summary>The value; default when there is an error.</summary>
    public T? Value { get; }

    /// <summary>The failure, or null.</summary>
    public Error? Error { get; }

    /// <summary>True when there is no error.</summary>
    [MemberNotNullWhen(true, nameof(Value))]
    [MemberNotNullWhen(false, nameof(Error))]
    public bool IsOk => Error is null;

    /// <summary>A value is an answer.</summary>
    [SuppressMessage("Usage", "CA2225", Justification = "Ok and Fail are the named alternates")]
    public static implicit operator Result<T>(T value) => new(value, null);

    /// <summary>An error is an answer.</summary>
    [SuppressMessage("Usage", "CA2225", Justification = "Ok and Fail are the named alternates")]
    public static implicit operator Result<T>(Error error) => new(default, error);

    /// <summary>Makes an answer of a value whose type is an interface, which operators do not convert.</summary>
    public static Result<T> Ok(T value) => new(value, null);

    /// <summary>Makes a failed answer.</summary>
    public static Result<T> Fail(Error error) => new(default, error);
}
