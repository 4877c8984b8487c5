using System.Buffers.Binary;
using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using CodeLab.Modules.Auth.Persistence;

namespace CodeLab.Modules.Auth.Audit;

/// <summary>A row of the audit as it is written and read by hand, with its canonical form.</summary>
internal sealed record AuditRecord
{
    public const string Columns =
        "a.seq, a.id, a.time, a.type, a.actor, a.subject, a.session, a.ip, a.user_agent, a.client_id, a.outcome, a.reason, a.metadata, a.mac";

    public long Seq { get; init; }
    public required string Id { get; init; }
    public required long Time { get; init; }
    public required string Type { get; init; }
    public string? Actor { get; init; }
    public string? Subject { get; init; }
    public string? Session { get; init; }
    public string? Ip { get; init; }
    public string? UserAgent { get; init; }
    public string? ClientId { get; init; }
    public required string Outcome { get; init; }
    public string? Reason { get; init; }
    public string? Metadata { get; init; }
    public byte[] Mac { get; init; } = [];

    /// <summary>Reads <see cref="Columns"/>, which begin at a column.</summary>
    public static AuditRecord Read(DbDataReader reader, int first) =>
        new()
        {
            Seq = reader.GetInt64(first),
            Id = reader.NullableText(first + 1) ?? "",
            Time = reader.GetInt64(first + 2),
            Type = reader.GetString(first + 3),
            Actor = reader.NullableText(first + 4),
            Subject = reader.NullableText(first + 5),
            Session = reader.NullableText(first + 6),
            Ip = reader.NullableText(first + 7),
            UserAgent = reader.NullableText(first + 8),
            ClientId = reader.NullableText(first + 9),
            Outcome = reader.GetString(first + 10),
            Reason = reader.NullableText(first + 11),
            Metadata = reader.NullableText(first + 12),
            Mac = reader.GetFieldValue<byte[]>(first + 13),
        };

    /// <summary>The canonical form: every field with its length before it, so that no text can pass for two fields. Not the place in the table.</summary>
    public void AppendTo(IncrementalHash hash)
    {
        Span<byte> time = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(time, Time);
        hash.AppendData(time);
        foreach (var text in (ReadOnlySpan<string?>)[Id, Type, Actor, Subject, Session, Ip, UserAgent, ClientId, Outcome, Reason, Metadata])
            Append(hash, text);
    }

    private static void Append(IncrementalHash hash, string? text)
    {
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, text is null ? -1 : Encoding.UTF8.GetByteCount(text));
        hash.AppendData(length);
        if (text is not null)
            hash.AppendData(Encoding.UTF8.GetBytes(text));
    }
}
