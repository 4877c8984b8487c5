using CodeLab.BuildingBlocks.Data;

namespace CodeLab.Modules.Agent.Persistence;

/// <summary>
/// The durable log of sessions (design.md §4, security.md §11). The log is the truth; the rows written with it (session, calls, approvals,
/// snapshot) are readings of it that are kept so that nobody has to replay everything to answer a question.
/// Every method may throw <see cref="DatabaseBusyException"/>, which a door answers as 503.
/// </summary>
internal interface ISessionStore
{
    /// <summary>
    /// Appends events with everything that follows from them, all or nothing; completes when it is durable, and only then may the input
    /// be acknowledged or an effect be performed. The first append of a new session has <see cref="AppendRequest.FirstSeq"/> 1; its lease
    /// is acquired before. Cancelling stops the wait, not the write: the outcome is then unknown and the state must be loaded again.
    /// </summary>
    /// <exception cref="ArgumentException">The request contradicts itself, e.g. its sequence numbers have a gap.</exception>
    Task<AppendResult> AppendAsync(AppendRequest request, CancellationToken cancellationToken);

    /// <summary>The session, its newest snapshot and the events after it, as of one moment; null when there is none. Deleted ones too.</summary>
    Task<LoadedSession?> LoadAsync(string sessionId, CancellationToken cancellationToken);

    /// <summary>The session's row, or null. Deleted ones too.</summary>
    Task<SessionRow?> FindAsync(string sessionId, CancellationToken cancellationToken);

    /// <summary>Sequence number of the event a known input became, or null.</summary>
    Task<long?> FindInputAsync(string owner, string inputId, CancellationToken cancellationToken);

    /// <summary>Events in order, read page by page: a slow reader holds no transaction open.</summary>
    /// <param name="sessionId">The session.</param>
    /// <param name="afterSeq">Events after this number; 0 = from the beginning.</param>
    /// <param name="toSeq">Up to and including this number; null = to the end.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    IAsyncEnumerable<LoggedEvent> ReadAsync(string sessionId, long afterSeq, long? toSeq, CancellationToken cancellationToken);

    /// <summary>Sessions of an owner, newest activity first, and how many there are in all.</summary>
    /// <param name="owner">Whose.</param>
    /// <param name="limit">Most rows.</param>
    /// <param name="offset">Rows to skip.</param>
    /// <param name="activeOnly">Leave deleted ones out.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    Task<(IReadOnlyList<SessionRow> Rows, int Total)> ListAsync(
        string owner,
        int limit,
        int offset,
        bool activeOnly,
        CancellationToken cancellationToken
    );

    /// <summary>Approvals that wait in a session, oldest first.</summary>
    Task<IReadOnlyList<ApprovalRow>> PendingApprovalsAsync(string sessionId, CancellationToken cancellationToken);

    /// <summary>The approval of a call in any state, or null.</summary>
    Task<ApprovalRow?> FindApprovalAsync(string sessionId, string callId, CancellationToken cancellationToken);

    /// <summary>Sessions with an open turn that no other live holder has: what <paramref name="holder"/> may take up.</summary>
    Task<IReadOnlyList<string>> OpenSessionsAsync(string holder, CancellationToken cancellationToken);

    /// <summary>
    /// Takes the right to write to a session, by the database's clock. Every grant has a larger epoch than the one before; writes that
    /// state an older one are fenced. Taking a lease again under the same holder name gives a new epoch too.
    /// </summary>
    /// <param name="sessionId">The session; it need not exist yet.</param>
    /// <param name="holder">Name of this process, unique to this start of it.</param>
    /// <param name="duration">How long it lasts without renewal; security.md §11.8 says 15 s.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Null when another live holder has it.</returns>
    Task<LeaseGrant?> AcquireLeaseAsync(string sessionId, string holder, TimeSpan duration, CancellationToken cancellationToken);

    /// <summary>Prolongs leases; a lease that ran out but was taken by nobody is still the holder's.</summary>
    /// <returns>Those that are no longer the holder's: stop writing to them.</returns>
    Task<IReadOnlyList<string>> RenewLeasesAsync(
        string holder,
        IReadOnlyCollection<string> sessionIds,
        TimeSpan duration,
        CancellationToken cancellationToken
    );

    /// <summary>Gives leases back, so that others need not wait for them to run out. Later writes under them are fenced.</summary>
    Task ReleaseLeasesAsync(string holder, IReadOnlyCollection<string> sessionIds, CancellationToken cancellationToken);
}
