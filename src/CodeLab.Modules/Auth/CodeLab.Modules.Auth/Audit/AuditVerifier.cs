using System.Data.Common;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Persistence;

namespace CodeLab.Modules.Auth.Audit;

/// <summary>What is wrong with a place of the chain.</summary>
/// <param name="Kind"><c>changed</c>, <c>removed</c>, <c>inserted</c> or <c>reordered</c>.</param>
/// <param name="Number">Number in the chain; null for a row outside it.</param>
/// <param name="AuditId">Id of the row, where there is one.</param>
internal sealed record AuditFault(string Kind, long? Number, string? AuditId);

/// <summary>What the verifier found.</summary>
/// <param name="Intact">True when nothing was changed, removed, inserted or reordered.</param>
/// <param name="Checked">Links that were checked.</param>
/// <param name="First">Number of the first link that has its row; earlier ones were removed by retention.</param>
/// <param name="Last">Number of the last link.</param>
/// <param name="Head">Hash of the last link: whoever notes number and hash elsewhere can prove later that the end was not cut off.</param>
/// <param name="Pending">Rows that are not sealed yet.</param>
/// <param name="Faults">The first hundred faults.</param>
internal sealed record AuditVerdict(
    bool Intact,
    long Checked,
    long First,
    long Last,
    string? Head,
    long Pending,
    IReadOnlyList<AuditFault> Faults
);

/// <summary>Checks the whole chain, a piece at a time, so that it neither holds a long transaction nor the memory of all rows.</summary>
internal sealed class AuditVerifier(Database database, AuditKey key)
{
    private const int Piece = 2_000;
    private const int MostFaults = 100;

    /// <summary>Checks all of it.</summary>
    /// <param name="leastNumber">A number the chain is known to have reached.</param>
    /// <param name="head">The hash known to be at that number (64 hex digits); null when only the number is known.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<AuditVerdict> VerifyAsync(long leastNumber, string? head, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        var walk = new Walk(key, leastNumber, head);
        while (true)
        {
            var links = await LinksAsync(connection, walk.Last, cancellationToken);
            foreach (var (number, id, hash, row) in links)
                walk.Step(number, id, hash, row);
            if (links.Count < Piece)
                break;
        }
        var pending = await UnsealedAsync(connection, walk, cancellationToken);
        await walk.EndAsync(() => WasPrunedAsync(connection, walk, cancellationToken));
        return new(walk.Faults.Count == 0, walk.Checked, walk.First, walk.Last, walk.Head, pending, walk.Faults);
    }

    private static async Task<List<(long Number, string Id, byte[] Hash, AuditRecord? Row)>> LinksAsync(
        DbConnection connection,
        long after,
        CancellationToken cancellationToken
    )
    {
        var links = new List<(long, string, byte[], AuditRecord?)>(Piece);
        await using var command = connection.Command(
            $"SELECT s.number, s.audit_id, s.hash, {AuditRecord.Columns} FROM auth_audit_seals s "
                + "LEFT JOIN auth_audit a ON a.id = s.audit_id WHERE s.number > @after ORDER BY s.number LIMIT @piece",
            null,
            ("@after", after),
            ("@piece", Piece)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var row = reader.IsDBNull(3) ? null : AuditRecord.Read(reader, 3);
            links.Add((reader.GetInt64(0), reader.GetString(1), reader.GetFieldValue<byte[]>(2), row));
        }
        return links;
    }

    /// <summary>Rows outside the chain: those the service wrote wait to be sealed, all others were put there by somebody else.</summary>
    private async Task<long> UnsealedAsync(DbConnection connection, Walk walk, CancellationToken cancellationToken)
    {
        long pending = 0;
        await using var command = connection.Command(
            $"SELECT {AuditRecord.Columns} FROM auth_audit a "
                + "WHERE NOT EXISTS (SELECT 1 FROM auth_audit_seals s WHERE s.audit_id = a.id) ORDER BY a.seq",
            null
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var row = AuditRecord.Read(reader, 0);
            if (key.Sign(row).AsSpan().SequenceEqual(row.Mac))
                pending++;
            else
                walk.Fault(new("inserted", null, row.Id));
        }
        return pending;
    }

    /// <summary>Whether a signed event says that retention removed everything up to the chain's present beginning.</summary>
    private async Task<bool> WasPrunedAsync(DbConnection connection, Walk walk, CancellationToken cancellationToken)
    {
        await using var command = connection.Command(
            $"SELECT {AuditRecord.Columns} FROM auth_audit a WHERE a.type = @type ORDER BY a.seq DESC LIMIT 50",
            null,
            ("@type", AuditRetention.EventType)
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var row = AuditRecord.Read(reader, 0);
            if (row.Metadata == AuditRetention.Proof(walk.Anchor, walk.AnchorHash) && key.Sign(row).AsSpan().SequenceEqual(row.Mac))
                return true;
        }
        return false;
    }

    private sealed class Walk(AuditKey key, long leastNumber, string? expectedHead)
    {
        private readonly List<AuditFault> _faults = [];
        private byte[] _hash = new byte[32];
        private bool _begun;
        private string? _hashAtLeast;

        public long Checked { get; private set; }
        public long First { get; private set; }
        public long Last { get; private set; }

        /// <summary>The link before the first one that has its row.</summary>
        public long Anchor { get; private set; }
        public byte[] AnchorHash { get; private set; } = new byte[32];
        public string? Head => _begun ? Convert.ToHexStringLower(_hash) : null;
        public List<AuditFault> Faults => _faults;

        public void Fault(AuditFault fault)
        {
            if (_faults.Count < MostFaults)
                _faults.Add(fault);
        }

        public void Step(long number, string id, byte[] stored, AuditRecord? row)
        {
            if (!_begun && row is null)
            {
                // Retention keeps the last link it passed, without its row, for the next one to hold on to.
                (Anchor, AnchorHash) = (number, stored);
            }
            else
            {
                if (First == 0)
                    First = number;
                Check(number, id, stored, row);
            }
            // Told once: what follows is judged by what is stored, not by a fault that was told already.
            (_begun, _hash, Last) = (true, stored, number);
            if (number == leastNumber)
                _hashAtLeast = Convert.ToHexStringLower(stored);
        }

        public async Task EndAsync(Func<Task<bool>> wasPruned)
        {
            if (Anchor > 0 && !await wasPruned())
                Fault(new("removed", Anchor, null));
            if (Last < leastNumber)
                Fault(new("removed", Last + 1, null));
            else if (expectedHead is not null && Anchor < leastNumber && _hashAtLeast != expectedHead)
                Fault(new("changed", leastNumber, null));
        }

        private void Check(long number, string id, byte[] stored, AuditRecord? row)
        {
            Checked++;
            for (var missing = Last + 1; missing < number; missing++)
            {
                Fault(new("removed", missing, null));
                if (_faults.Count == MostFaults)
                    break;
            }
            if (row is null)
                Fault(new("removed", number, id));
            else if (!key.Sign(row).AsSpan().SequenceEqual(row.Mac))
                Fault(new("changed", number, id));
            // After a gap the link before is not there to be checked against; the gap has been told.
            else if (number == Last + 1 && !key.Seal(number, _hash, row).AsSpan().SequenceEqual(stored))
                Fault(new("reordered", number, id));
        }
    }
}
