using CodeLab.Modules.Agent.Persistence.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace CodeLab.Modules.Agent.Persistence.Configurations;

// No foreign keys among these tables: one statement or transaction writes them together, and a check per event would cost every append.

/// <summary>Widths of columns that several tables share; doors refuse longer ids (security.md §7.2).</summary>
internal static class Widths
{
    public const int Id = 128;
    public const int Name = 256;
    public const int Word = 32;
}

internal sealed class SessionConfiguration : IEntityTypeConfiguration<SessionRow>
{
    public void Configure(EntityTypeBuilder<SessionRow> builder)
    {
        builder.ToTable("agent_sessions").HasKey(s => s.Id);
        builder.Property(s => s.Id).HasMaxLength(Widths.Id);
        builder.Property(s => s.Owner).HasMaxLength(Widths.Id);
        builder.Property(s => s.Agent).HasMaxLength(Widths.Name);
        builder.Property(s => s.Model).HasMaxLength(Widths.Name);
        builder.Property(s => s.Status).HasMaxLength(Widths.Word);
        builder.Property(s => s.ParentId).HasMaxLength(Widths.Id);
        builder.Property(s => s.ParentKind).HasMaxLength(Widths.Word);
        builder.HasIndex(s => new { s.Owner, s.LastActivity });
        builder.HasIndex(s => s.ParentId).HasFilter("parent_id IS NOT NULL").HasDatabaseName("ix_agent_sessions_parent");
        builder.HasIndex(s => s.Id).HasFilter("has_open_turn").HasDatabaseName("ix_agent_sessions_open");
    }
}

internal sealed class EventConfiguration : IEntityTypeConfiguration<EventRecord>
{
    public void Configure(EntityTypeBuilder<EventRecord> builder)
    {
        builder.ToTable("agent_events").KeepRowsInKey().HasKey(e => new { e.SessionId, e.Seq });
        builder.Property(e => e.SessionId).HasMaxLength(Widths.Id);
        builder.Property(e => e.Type).HasMaxLength(Widths.Name);
    }
}

internal sealed class InputConfiguration : IEntityTypeConfiguration<InputRecord>
{
    public void Configure(EntityTypeBuilder<InputRecord> builder)
    {
        builder.ToTable("agent_inputs").KeepRowsInKey().HasKey(i => new { i.Owner, i.InputId });
        builder.Property(i => i.Owner).HasMaxLength(Widths.Id);
        builder.Property(i => i.InputId).HasMaxLength(Widths.Id);
        builder.Property(i => i.SessionId).HasMaxLength(Widths.Id);
    }
}

internal sealed class ToolCallConfiguration : IEntityTypeConfiguration<ToolCallRecord>
{
    public void Configure(EntityTypeBuilder<ToolCallRecord> builder)
    {
        builder.ToTable("agent_tool_calls").KeepRowsInKey().HasKey(c => new { c.SessionId, c.CallId });
        builder.Property(c => c.SessionId).HasMaxLength(Widths.Id);
        builder.Property(c => c.CallId).HasMaxLength(Widths.Id);
        builder.Property(c => c.ToolName).HasMaxLength(Widths.Name);
        builder.Property(c => c.State).HasMaxLength(Widths.Word);
        builder.Property(c => c.ArgsHash).HasMaxLength(Widths.Id);
    }
}

internal sealed class ApprovalConfiguration : IEntityTypeConfiguration<ApprovalRecord>
{
    public void Configure(EntityTypeBuilder<ApprovalRecord> builder)
    {
        builder.ToTable("agent_approvals").HasKey(a => new { a.SessionId, a.CallId });
        builder.Property(a => a.SessionId).HasMaxLength(Widths.Id);
        builder.Property(a => a.CallId).HasMaxLength(Widths.Id);
        builder.Property(a => a.ToolName).HasMaxLength(Widths.Name);
        builder.Property(a => a.Status).HasMaxLength(Widths.Word);
        builder.Property(a => a.DecidedBy).HasMaxLength(Widths.Id);
        builder.Property(a => a.Door).HasMaxLength(Widths.Word);
        builder
            .HasIndex(a => new { a.SessionId, a.CreatedAt })
            .HasFilter("status = 'pending'")
            .HasDatabaseName("ix_agent_approvals_pending");
    }
}

internal sealed class SnapshotConfiguration : IEntityTypeConfiguration<SnapshotRecord>
{
    public void Configure(EntityTypeBuilder<SnapshotRecord> builder)
    {
        builder.ToTable("agent_snapshots").HasKey(s => s.SessionId);
        builder.Property(s => s.SessionId).HasMaxLength(Widths.Id);
    }
}

internal sealed class LeaseConfiguration : IEntityTypeConfiguration<LeaseRecord>
{
    public void Configure(EntityTypeBuilder<LeaseRecord> builder)
    {
        builder.ToTable("agent_leases").KeepRowsInKey().HasKey(l => l.SessionId);
        builder.Property(l => l.SessionId).HasMaxLength(Widths.Id);
        builder.Property(l => l.Holder).HasMaxLength(Widths.Id);
    }
}

internal sealed class OutboxConfiguration : IEntityTypeConfiguration<OutboxRecord>
{
    public void Configure(EntityTypeBuilder<OutboxRecord> builder)
    {
        builder.ToTable("agent_outbox").HasKey(o => o.Id);
        builder.Property(o => o.Id).HasMaxLength(Widths.Id);
        builder.Property(o => o.SessionId).HasMaxLength(Widths.Id);
        builder.Property(o => o.Topic).HasMaxLength(Widths.Name);
    }
}

internal sealed class PolicyConfiguration : IEntityTypeConfiguration<PolicyRecord>
{
    public void Configure(EntityTypeBuilder<PolicyRecord> builder)
    {
        builder.ToTable("agent_policies").HasKey(p => p.Id);
        builder.Property(p => p.Id).HasMaxLength(Widths.Id);
        builder.Property(p => p.Author).HasMaxLength(Widths.Id);
    }
}

internal sealed class RememberedConfiguration : IEntityTypeConfiguration<RememberedRecord>
{
    public void Configure(EntityTypeBuilder<RememberedRecord> builder)
    {
        builder.ToTable("agent_remembered").HasKey(r => r.Id);
        builder.Property(r => r.Id).HasMaxLength(Widths.Id);
        builder.Property(r => r.Owner).HasMaxLength(Widths.Id);
        builder.Property(r => r.SessionId).HasMaxLength(Widths.Id);
        builder.HasIndex(r => r.Owner);
    }
}

internal sealed class AutonomyConfiguration : IEntityTypeConfiguration<AutonomyRecord>
{
    public void Configure(EntityTypeBuilder<AutonomyRecord> builder)
    {
        builder.ToTable("agent_autonomy").HasKey(a => a.Owner);
        builder.Property(a => a.Owner).HasMaxLength(Widths.Id);
        builder.Property(a => a.Level).HasMaxLength(Widths.Word);
    }
}
