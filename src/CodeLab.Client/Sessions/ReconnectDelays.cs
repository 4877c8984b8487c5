namespace CodeLab.Client.Sessions;

/// <summary>
/// How long to wait before the next attempt to connect: at once at first, then longer up to ten seconds, for ever. The jitter keeps
/// clients of a restarted server from coming back in the same instant.
/// </summary>
internal static class ReconnectDelays
{
    private static readonly double[] Seconds = [0.1, 0.3, 1, 2, 4, 7, 10];

    /// <param name="attempt">Attempts that failed since the last connection, from 0.</param>
    /// <param name="random">A number from 0 (inclusive) to 1 (exclusive).</param>
    public static TimeSpan After(int attempt, double random) =>
        TimeSpan.FromSeconds(Seconds[Math.Clamp(attempt, 0, Seconds.Length - 1)] * (0.7 + 0.6 * random));
}
