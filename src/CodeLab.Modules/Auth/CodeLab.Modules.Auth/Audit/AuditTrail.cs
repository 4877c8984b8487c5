using System.Buffers;
using System.Data.Common;
using System.Text;
using System.Text.Json;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Persistence;

namespace CodeLab.Modules.Auth.Audit;

/// <summary>Writes the audit (security.md §13).</summary>
internal sealed class AuditTrail(
    Database database,
    AuditKey key,
    AuditSampling sampling,
    AuditSignal signal,
    Callers callers,
    TimeProvider time
) : IAuditTrail
{
    private const string Insert =
        "INSERT INTO auth_audit (id, time, type, actor, subject, session, ip, user_agent, client_id, outcome, reason, metadata, mac) "
        + "VALUES (@id, @time, @type, @actor, @subject, @session, @ip, @agent, @client, @outcome, @reason, @metadata, @mac)";

    public async Task AppendAsync(DbConnection connection, DbTransaction? transaction, AuditEvent entry)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentNullException.ThrowIfNull(entry);
        var row = ToRecord(entry);
        // Not cancelled: the change it tells of is in the same transaction and is made or undone with it.
        await connection.ExecuteAsync(
            Insert,
            transaction,
            [
                ("@id", row.Id),
                ("@time", row.Time),
                ("@type", row.Type),
                ("@actor", Sql.Text(row.Actor)),
                ("@subject", Sql.Text(row.Subject)),
                ("@session", Sql.Text(row.Session)),
                ("@ip", Sql.Text(row.Ip)),
                ("@agent", Sql.Text(row.UserAgent)),
                ("@client", Sql.Text(row.ClientId)),
                ("@outcome", row.Outcome),
                ("@reason", Sql.Text(row.Reason)),
                ("@metadata", Sql.Text(row.Metadata)),
                ("@mac", row.Mac),
            ],
            CancellationToken.None
        );
        signal.Set();
    }

    public Task AppendAsync(AuditEvent entry, CancellationToken cancellationToken)
    {
        // The caller is known on this side of the writer's queue only.
        var stamped = callers.Stamp(entry);
        return database.TransactAsync(
            async (connection, transaction) =>
            {
                await AppendAsync(connection, transaction, stamped);
                return true;
            },
            cancellationToken
        );
    }

    public async Task AppendSampledAsync(AuditEvent entry, string key, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (!sampling.MayTell(entry.Type + "\n" + key, out var suppressed))
            return;
        if (suppressed > 0)
        {
            var metadata = new Dictionary<string, object?>(entry.Metadata ?? new Dictionary<string, object?>())
            {
                ["suppressed"] = suppressed,
            };
            entry = entry with { Metadata = metadata };
        }
        await AppendAsync(entry, cancellationToken);
    }

    private AuditRecord ToRecord(AuditEvent entry)
    {
        if (entry.Type.Length is 0 or > 50)
            throw new ArgumentException("The type of an audit event has 1 to 50 characters", nameof(entry));
        if (entry.Outcome is not ("success" or "failure" or "denied"))
            throw new ArgumentException($"'{entry.Outcome}' is no outcome of an audit event", nameof(entry));
        var row = new AuditRecord
        {
            Id = Guid.NewGuid().ToString(),
            Time = time.Milliseconds(),
            Type = entry.Type,
            Actor = Clean(entry.Actor, 255),
            Subject = Clean(entry.Subject, 255),
            Session = Clean(entry.Session, 128),
            Ip = Clean(entry.Ip, 64),
            UserAgent = Clean(entry.UserAgent, 256),
            ClientId = Clean(entry.ClientId, 255),
            Outcome = entry.Outcome,
            Reason = Clean(entry.Reason, 500),
            Metadata = entry.Metadata is { Count: > 0 } metadata ? ToJson(metadata) : null,
        };
        return row with { Mac = key.Sign(row) };
    }

    /// <summary>
    /// Cut to its column, without control characters and halves of surrogate pairs: what comes from a client must neither break a line of
    /// an export nor be refused by PostgreSQL, which would undo the change with it.
    /// </summary>
    private static string? Clean(string? text, int longest)
    {
        if (text is null)
            return null;
        var clean = new StringBuilder(Math.Min(text.Length, longest));
        foreach (var rune in text.EnumerateRunes())
        {
            var next = Rune.IsControl(rune) ? new Rune(' ') : rune;
            if (clean.Length + next.Utf16SequenceLength > longest)
                break;
            clean.Append(next.ToString());
        }
        return clean.ToString();
    }

    private static string ToJson(IReadOnlyDictionary<string, object?> metadata)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            foreach (var (name, value) in metadata)
            {
                json.WritePropertyName(name);
                Write(json, value);
            }
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case string text:
                json.WriteStringValue(Clean(text, 2048));
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case int or long or short or byte:
                json.WriteNumberValue(Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture));
                break;
            case double or float or decimal:
                json.WriteNumberValue(Convert.ToDecimal(value, System.Globalization.CultureInfo.InvariantCulture));
                break;
            case DateTimeOffset at:
                json.WriteStringValue(at.UtcDateTime.ToString("O", System.Globalization.CultureInfo.InvariantCulture));
                break;
            case IReadOnlyDictionary<string, object?> members:
                json.WriteStartObject();
                foreach (var (name, member) in members)
                {
                    json.WritePropertyName(name);
                    Write(json, member);
                }
                json.WriteEndObject();
                break;
            case System.Collections.IEnumerable items:
                json.WriteStartArray();
                foreach (var item in items)
                    Write(json, item);
                json.WriteEndArray();
                break;
            default:
                json.WriteStringValue(Clean(value.ToString(), 2048));
                break;
        }
    }
}
