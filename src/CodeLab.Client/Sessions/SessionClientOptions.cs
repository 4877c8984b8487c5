using CodeLab.Client.Approvals;
using CodeLab.Client.SignIn;
using CodeLab.Protocol.Hub;

namespace CodeLab.Client.Sessions;

/// <summary>How a client takes part in a session.</summary>
public sealed record SessionClientOptions
{
    /// <summary>The server.</summary>
    public required ServerAddress Server { get; init; }

    /// <summary>The session; one that does not exist yet is created by attaching.</summary>
    public required string SessionId { get; init; }

    /// <summary>Where access tokens come from.</summary>
    public required ITokenSource Tokens { get; init; }

    /// <summary>Who attaches. With tools, <see cref="ClientInfo.Id"/> must be the id the journal belongs to.</summary>
    public required ClientInfo Client { get; init; }

    /// <summary>What runs tools; null: this client only watches.</summary>
    public IToolExecutor? Tools { get; init; }

    /// <summary>The folder the tools work in.</summary>
    public WorkspaceInfo? Workspace { get; init; }

    /// <summary>What is approved without asking a person. Default: nothing.</summary>
    public ApprovalMode Approvals { get; init; } = ApprovalMode.Ask;

    /// <summary>How long the first connection is tried before the server counts as unreachable. Default 15 seconds. Later ones: for ever.</summary>
    public TimeSpan FirstConnectionTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long the server has for one answer before the connection counts as lost. Default 60 seconds.</summary>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
