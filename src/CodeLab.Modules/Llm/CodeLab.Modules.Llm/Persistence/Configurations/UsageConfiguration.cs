using CodeLab.Modules.Llm.Usage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace CodeLab.Modules.Llm.Persistence.Configurations;

internal sealed class UsageConfiguration : IEntityTypeConfiguration<UsageEntry>
{
    public void Configure(EntityTypeBuilder<UsageEntry> builder)
    {
        builder.ToTable("llm_usage");
        builder.HasKey(u => u.Id);
        builder.Property(u => u.Id).ValueGeneratedNever();
        // Milliseconds sort and compare alike in both databases.
        builder
            .Property(u => u.CreatedAt)
            .HasConversion(t => t.ToUnixTimeMilliseconds(), ms => DateTimeOffset.FromUnixTimeMilliseconds(ms));
        builder.Property(u => u.UserId).HasMaxLength(128);
        builder.Property(u => u.TeamId).HasMaxLength(128);
        builder.Property(u => u.KeyId).HasMaxLength(128);
        builder.Property(u => u.Alias).HasMaxLength(128);
        builder.Property(u => u.Door).HasMaxLength(32);
        builder.Property(u => u.SessionId).HasMaxLength(128);
        builder.Property(u => u.Agent).HasMaxLength(64);
        builder.Property(u => u.Provider).HasMaxLength(64);
        builder.Property(u => u.Model).HasMaxLength(128);
        builder.Property(u => u.Outcome).HasMaxLength(64);
        // Every index costs each call something: questions about users, models and the like are answered by the roll-ups.
        builder.HasIndex(u => u.CreatedAt);
        builder.HasIndex(u => u.SessionId);
    }
}
