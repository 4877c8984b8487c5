using CodeLab.Modules.Agent.Persistence.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace CodeLab.Modules.Agent.Persistence.Configurations;

/// <summary>A person or team a session is shared with.</summary>
internal sealed class ShareRecord
{
    public required string SessionId { get; init; }

    /// <summary><c>user</c> or <c>team</c>.</summary>
    public required string Kind { get; init; }
    public required string GranteeId { get; init; }

    /// <summary><c>viewer</c>, <c>driver</c> or <c>owner</c>.</summary>
    public required string Role { get; init; }
    public required string AddedBy { get; init; }

    /// <summary>Unix time, milliseconds.</summary>
    public long AddedAt { get; init; }
}

/// <summary>How far a session's log was read into the figures.</summary>
internal sealed class ReadingRecord
{
    public required string SessionId { get; init; }
    public long ThroughSeq { get; init; }
    public required byte[] State { get; init; }
}

/// <summary>A figure over all sessions.</summary>
internal sealed class CounterRecord
{
    public required string Counter { get; init; }
    public required string Subject { get; init; }
    public long Value { get; init; }
}

/// <summary>An event of the audit log of sessions.</summary>
internal sealed class AuditRecord
{
    public required string SessionId { get; init; }
    public long Seq { get; init; }

    /// <summary>Unix time, milliseconds.</summary>
    public long OccurredAt { get; init; }
    public required string Type { get; init; }

    /// <summary>Empty outside of a turn.</summary>
    public required string TurnId { get; init; }
    public required byte[] Data { get; init; }
}

internal sealed class ShareConfiguration : IEntityTypeConfiguration<ShareRecord>
{
    public void Configure(EntityTypeBuilder<ShareRecord> builder)
    {
        builder
            .ToTable("agent_shares")
            .KeepRowsInKey()
            .HasKey(s => new
            {
                s.SessionId,
                s.Kind,
                s.GranteeId,
            });
        builder.Property(s => s.SessionId).HasMaxLength(Widths.Id);
        builder.Property(s => s.Kind).HasMaxLength(Widths.Word);
        builder.Property(s => s.GranteeId).HasMaxLength(Widths.Id);
        builder.Property(s => s.Role).HasMaxLength(Widths.Word);
        builder.Property(s => s.AddedBy).HasMaxLength(Widths.Id);
        builder.HasIndex(s => new { s.Kind, s.GranteeId });
    }
}

internal sealed class ReadingConfiguration : IEntityTypeConfiguration<ReadingRecord>
{
    public void Configure(EntityTypeBuilder<ReadingRecord> builder)
    {
        builder.ToTable("agent_readings").HasKey(r => r.SessionId);
        builder.Property(r => r.SessionId).HasMaxLength(Widths.Id);
    }
}

internal sealed class CounterConfiguration : IEntityTypeConfiguration<CounterRecord>
{
    public void Configure(EntityTypeBuilder<CounterRecord> builder)
    {
        builder.ToTable("agent_counters").HasKey(c => new { c.Counter, c.Subject });
        builder.Property(c => c.Counter).HasMaxLength(Widths.Word);
        builder.Property(c => c.Subject).HasMaxLength(2 * Widths.Name);
    }
}

internal sealed class AuditConfiguration : IEntityTypeConfiguration<AuditRecord>
{
    public void Configure(EntityTypeBuilder<AuditRecord> builder)
    {
        builder.ToTable("agent_audit").HasKey(a => new { a.SessionId, a.Seq });
        builder.Property(a => a.SessionId).HasMaxLength(Widths.Id);
        builder.Property(a => a.Type).HasMaxLength(Widths.Word);
        builder.Property(a => a.TurnId).HasMaxLength(Widths.Id);
        builder.HasIndex(a => new { a.OccurredAt });
    }
}
