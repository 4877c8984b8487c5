namespace CodeLab.Host.Metrics;

/// <summary>Who may read <c>/metrics</c>, and where else figures go.</summary>
internal sealed class MetricsSettings
{
    /// <summary>Configuration section.</summary>
    public const string Section = "CodeLab:Metrics";

    /// <summary>Who may read <c>/metrics</c> (security.md §10). Default <see cref="MetricsAccess.Admin"/>.</summary>
    public MetricsAccess Access { get; set; } = MetricsAccess.Admin;

    /// <summary>
    /// Address of an OpenTelemetry collector, e.g. <c>http://collector:4317</c>; metrics and traces are sent there. Default: the
    /// environment's <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>, else none.
    /// </summary>
    public Uri? OtlpEndpoint { get; set; }
}

/// <summary>Who may read <c>/metrics</c>.</summary>
internal enum MetricsAccess
{
    /// <summary>Administrators, with a token that has <c>api:admin</c>.</summary>
    Admin,

    /// <summary>Programs on this machine only, without a token; behind a proxy it is the address of <c>TrustedProxies</c>' rule that counts.</summary>
    Loopback,

    /// <summary>Everybody who reaches the port.</summary>
    Anyone,
}
