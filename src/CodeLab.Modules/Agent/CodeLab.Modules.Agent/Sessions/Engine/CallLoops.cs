namespace CodeLab.Modules.Agent.Sessions.Engine;

/// <summary>
/// Finds a model that goes round in circles: the same few calls in the same order, with the same results, again and again. One call
/// repeated in a row is judged apart (<c>REPEATED_CALL</c>); waiting for something to change is no circle, because then a result differs.
/// </summary>
internal static class CallLoops
{
    private const int _longest = 4;

    /// <summary>Calls of a turn that are kept to look at.</summary>
    public const int Window = _longest * 10;

    /// <summary>How many calls the circle has that the newest call would close once more; null when it is none.</summary>
    /// <param name="calls">The turn's calls, the one being judged last.</param>
    /// <param name="rounds">Rounds after which it is a circle.</param>
    public static int? Find(IReadOnlyList<RecentCall> calls, int rounds)
    {
        for (var length = 2; length <= _longest; length++)
        {
            if (calls.Count >= length * rounds && Repeats(calls, length, length * rounds))
                return length;
        }
        return null;
    }

    private static bool Repeats(IReadOnlyList<RecentCall> calls, int length, int span)
    {
        var last = calls.Count - 1;
        for (var i = calls.Count - span + length; i <= last; i++)
        {
            if (calls[i].Key != calls[i - length].Key)
                return false;
            // The newest has no result yet.
            if (i < last && (calls[i].Result is null || calls[i].Result != calls[i - length].Result))
                return false;
        }
        // One call repeated is not a circle of two.
        return calls[last].Key != calls[last - 1].Key;
    }
}
