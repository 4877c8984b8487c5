namespace CodeLab.Client.Rest;

/// <summary>The server understood and refused. The message is its sentence for people.</summary>
public sealed class ServerException(string code, string message, int? status = null) : Exception(message)
{
    /// <summary>Stable code, e.g. <c>SESSION_NOT_FOUND</c>.</summary>
    public string Code { get; } = code;

    /// <summary>HTTP status, when the answer came over HTTP.</summary>
    public int? Status { get; } = status;
}

/// <summary>The server cannot be reached at all.</summary>
public sealed class ServerUnreachableException(string server, Exception cause)
    : Exception($"{server} cannot be reached: {cause.GetBaseException().Message}", cause)
{
    /// <summary>The server's address.</summary>
    public string Server { get; } = server;
}
