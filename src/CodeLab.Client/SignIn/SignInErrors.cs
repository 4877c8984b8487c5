namespace CodeLab.Client.SignIn;

/// <summary>There is no usable sign-in for the server: the person has to sign in (again).</summary>
public sealed class NotSignedInException(string server, string reason) : Exception(reason)
{
    /// <summary>The server's address.</summary>
    public string Server { get; } = server;
}

/// <summary>The token endpoint refused (protocol.md §2.1). The message is the server's sentence.</summary>
public sealed class SignInRefusedException(string error, string message) : Exception(message)
{
    /// <summary>OAuth's code, e.g. <c>invalid_grant</c> or <c>account_locked</c>.</summary>
    public string Error { get; } = error;
}
