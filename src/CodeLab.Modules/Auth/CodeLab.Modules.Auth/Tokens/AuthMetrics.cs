using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>Measurements of the module under the published names (protocol.md §2.11).</summary>
internal sealed class AuthMetrics
{
    public const string Meter = "CodeLab.Auth";

    private readonly Counter<long> _requests;
    private readonly Histogram<double> _requestDuration;
    private readonly Counter<long> _failedSignIns;
    private readonly Counter<long> _rotations;
    private readonly Counter<long> _revocations;
    private readonly Histogram<double> _revocationDuration;
    private readonly Counter<long> _checks;
    private readonly Histogram<double> _checkDuration;
    private readonly Counter<long> _events;
    private readonly Histogram<double> _eventDuration;
    private long _ended;
    private long _unsealed;
    private int _databaseAnswers = 1;

    public AuthMetrics(IMeterFactory factory)
    {
        var meter = factory.Create(Meter);
        _requests = meter.CreateCounter<long>("auth_token_requests_total", description: "Requests to the token endpoint.");
        _requestDuration = Seconds(meter, "auth_token_request_duration_seconds", "Time to answer the token endpoint.");
        _failedSignIns = meter.CreateCounter<long>("auth_failed_login_attempts_total", description: "Sign-ins refused.");
        _rotations = meter.CreateCounter<long>("auth_refresh_token_rotations_total", description: "Uses of refresh tokens, by outcome.");
        _revocations = meter.CreateCounter<long>("auth_token_revocations_total", description: "Sign-ins ended, by reason.");
        _revocationDuration = Seconds(meter, "auth_token_revocation_duration_seconds", "Time to end a sign-in.");
        _checks = meter.CreateCounter<long>("auth_blacklist_check_total", description: "Questions whether a token's sign-in still lives.");
        _checkDuration = Seconds(meter, "auth_blacklist_check_duration_seconds", "Time of those questions that went to the database.");
        meter.CreateObservableGauge(
            "auth_active_blacklisted_tokens",
            () => Interlocked.Read(ref _ended),
            description: "Ended sign-ins this host knows of, whose access tokens may not have expired."
        );
        _events = meter.CreateCounter<long>("auth_events_published_total", description: "Changes of rights told to live connections.");
        _eventDuration = Seconds(meter, "auth_event_publish_duration_seconds", "Time to tell live connections of a change of rights.");
        meter.CreateObservableGauge(
            "auth_event_stream_size",
            () => Interlocked.Read(ref _unsealed),
            description: "Audit rows that waited to be sealed when the sealer last looked."
        );
        meter.CreateObservableGauge(
            "auth_database_healthy",
            () => Volatile.Read(ref _databaseAnswers),
            description: "1 while the database answers, 0 while it does not."
        );
    }

    /// <summary>Whether the database answered the last time this host asked, which it does every 4 s.</summary>
    public void DatabaseAnswers(bool answers) => Volatile.Write(ref _databaseAnswers, answers ? 1 : 0);

    /// <summary>Audit rows that waited for the sealer when it last looked.</summary>
    public void Unsealed(long rows) => Interlocked.Exchange(ref _unsealed, rows);

    public void Requested(string grant, string outcome, long since)
    {
        var tags = new TagList { { "grant_type", grant }, { "status", outcome } };
        _requests.Add(1, tags);
        _requestDuration.Record(Stopwatch.GetElapsedTime(since).TotalSeconds, tags);
    }

    public void SignInFailed(string reason) => _failedSignIns.Add(1, new KeyValuePair<string, object?>("reason", reason));

    public void Rotated(string outcome) => _rotations.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    public void Revoked(string reason, string status, long since)
    {
        _revocations.Add(1, new("reason", reason), new("status", status));
        _revocationDuration.Record(Stopwatch.GetElapsedTime(since).TotalSeconds);
    }

    /// <summary>Counts a question that memory could answer.</summary>
    public void Checked(bool alive) => _checks.Add(1, new("result", alive ? "alive" : "ended"), new("source", "memory"));

    /// <summary>Counts a question that went to the database.</summary>
    public void Checked(bool alive, long since)
    {
        _checks.Add(1, new("result", alive ? "alive" : "ended"), new("source", "database"));
        _checkDuration.Record(Stopwatch.GetElapsedTime(since).TotalSeconds);
    }

    public void KnownEnded(long count) => Interlocked.Exchange(ref _ended, count);

    public void Published(string kind, long since)
    {
        _events.Add(1, new KeyValuePair<string, object?>("type", kind));
        _eventDuration.Record(Stopwatch.GetElapsedTime(since).TotalSeconds);
    }

    private static Histogram<double> Seconds(Meter meter, string name, string description) =>
        meter.CreateHistogram<double>(
            name,
            description: description,
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
            }
        );
}
