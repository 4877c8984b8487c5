using System.Text;
using CodeLab.Modules.Agent.Persistence;

namespace CodeLab.UnitTests.Agent.Persistence;

/// <summary>Makes requests as a turn engine would.</summary>
internal static class Appends
{
    public static readonly DateTimeOffset Noon = new(2026, 1, 2, 12, 0, 0, 123, 456, TimeSpan.Zero);

    public static string NewId() => Guid.NewGuid().ToString("N");

    public static LoggedEvent Event(long seq, string payload = "{\"text\":\"h\u00e9llo \\u0000\"}") =>
        new(seq, "user_message.v1", Encoding.UTF8.GetBytes(payload), Noon.AddSeconds(seq));

    public static SessionRow Row(string id, string owner, long lastSeq) =>
        new()
        {
            Id = id,
            Owner = owner,
            Title = "Título",
            Agent = "coder",
            Status = "active",
            HasOpenTurn = true,
            MessageCount = 3,
            LastSeq = lastSeq,
            CreatedAt = Noon,
            UpdatedAt = Noon.AddMinutes(1),
            LastActivity = Noon.AddMinutes(2),
        };

    public static AppendRequest Request(
        string id,
        long epoch,
        long firstSeq,
        int count = 1,
        string owner = "ada",
        string? inputId = null
    ) =>
        new()
        {
            SessionId = id,
            Epoch = epoch,
            FirstSeq = firstSeq,
            Events = [.. Enumerable.Range(0, count).Select(i => Event(firstSeq + i))],
            Session = Row(id, owner, firstSeq + count - 1),
            InputId = inputId,
        };
}
