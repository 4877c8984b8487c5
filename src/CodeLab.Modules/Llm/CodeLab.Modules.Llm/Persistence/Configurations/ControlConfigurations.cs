using CodeLab.Modules.Llm.Persistence.Rows;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace CodeLab.Modules.Llm.Persistence.Configurations;

/// <summary>Tables of what administrators set and of the money. Read and written by hand-written SQL; EF only makes them.</summary>
internal sealed class ControlConfigurations
    : IEntityTypeConfiguration<ProviderRow>,
        IEntityTypeConfiguration<RouteRow>,
        IEntityTypeConfiguration<PriceRow>,
        IEntityTypeConfiguration<AccessRuleRow>,
        IEntityTypeConfiguration<BudgetRow>,
        IEntityTypeConfiguration<BudgetPeriodRow>,
        IEntityTypeConfiguration<BudgetHoldRow>,
        IEntityTypeConfiguration<NodeRow>,
        IEntityTypeConfiguration<OpenCallRow>,
        IEntityTypeConfiguration<SettingRow>,
        IEntityTypeConfiguration<EgressRow>,
        IEntityTypeConfiguration<ContentRow>,
        IEntityTypeConfiguration<UsageHourRow>,
        IEntityTypeConfiguration<UsageDayRow>
{
    public void Configure(EntityTypeBuilder<ProviderRow> builder)
    {
        builder.ToTable("llm_providers");
        builder.HasKey(r => r.Id);
        builder.Property(r => r.Id).HasMaxLength(36);
        builder.Property(r => r.Name).HasMaxLength(64);
        builder.Property(r => r.Kind).HasMaxLength(32);
        builder.Property(r => r.BaseUrl).HasMaxLength(500);
        builder.Property(r => r.KekId).HasMaxLength(64);
        builder.Property(r => r.SecretLast4).HasMaxLength(4);
        builder.HasIndex(r => r.Name).IsUnique();
    }

    public void Configure(EntityTypeBuilder<RouteRow> builder)
    {
        builder.ToTable("llm_routes");
        builder.HasKey(r => r.Id);
        builder.Property(r => r.Id).HasMaxLength(36);
        builder.Property(r => r.Name).HasMaxLength(128);
        builder.Property(r => r.Description).HasMaxLength(500);
        builder.Property(r => r.Strategy).HasMaxLength(16);
        builder.HasIndex(r => r.Name).IsUnique();
    }

    public void Configure(EntityTypeBuilder<PriceRow> builder)
    {
        builder.ToTable("llm_prices");
        builder.HasKey(r => r.Model);
        builder.Property(r => r.Model).HasMaxLength(128);
    }

    public void Configure(EntityTypeBuilder<AccessRuleRow> builder)
    {
        builder.ToTable("llm_access_rules");
        builder.HasKey(r => new { r.Scope, r.Subject });
        builder.Property(r => r.Scope).HasMaxLength(16);
        builder.Property(r => r.Subject).HasMaxLength(128);
    }

    public void Configure(EntityTypeBuilder<BudgetRow> builder)
    {
        builder.ToTable("llm_budgets");
        builder.HasKey(r => r.Id);
        builder.Property(r => r.Id).HasMaxLength(200);
        builder.Property(r => r.Scope).HasMaxLength(16);
        builder.Property(r => r.Subject).HasMaxLength(128);
        builder.Property(r => r.Period).HasMaxLength(8);
        builder.Property(r => r.Currency).HasMaxLength(3);
        builder
            .HasIndex(r => new
            {
                r.Scope,
                r.Subject,
                r.Period,
            })
            .IsUnique();
    }

    public void Configure(EntityTypeBuilder<BudgetPeriodRow> builder)
    {
        builder.ToTable("llm_budget_periods");
        builder.HasKey(r => new
        {
            r.BudgetId,
            r.Subject,
            r.PeriodStart,
        });
        builder.Property(r => r.BudgetId).HasMaxLength(200);
        builder.Property(r => r.Subject).HasMaxLength(128);
    }

    public void Configure(EntityTypeBuilder<BudgetHoldRow> builder)
    {
        builder.ToTable("llm_budget_holds");
        builder.HasKey(r => new
        {
            r.BudgetId,
            r.Subject,
            r.PeriodStart,
            r.NodeId,
        });
        builder.Property(r => r.BudgetId).HasMaxLength(200);
        builder.Property(r => r.Subject).HasMaxLength(128);
        builder.Property(r => r.NodeId).HasMaxLength(36);
        builder.HasIndex(r => r.NodeId);
    }

    public void Configure(EntityTypeBuilder<NodeRow> builder)
    {
        builder.ToTable("llm_nodes");
        builder.HasKey(r => r.NodeId);
        builder.Property(r => r.NodeId).HasMaxLength(36);
    }

    public void Configure(EntityTypeBuilder<OpenCallRow> builder)
    {
        builder.ToTable("llm_open_calls");
        builder.HasKey(r => r.Id);
        builder.Property(r => r.Id).HasMaxLength(36);
        builder.Property(r => r.NodeId).HasMaxLength(36);
        builder.HasIndex(r => r.NodeId);
    }

    public void Configure(EntityTypeBuilder<SettingRow> builder)
    {
        builder.ToTable("llm_settings");
        builder.HasKey(r => r.Name);
        builder.Property(r => r.Name).HasMaxLength(64);
    }

    public void Configure(EntityTypeBuilder<EgressRow> builder)
    {
        builder.ToTable("llm_egress");
        builder.HasKey(r => new { r.Host, r.Reason });
        builder.Property(r => r.Host).HasMaxLength(300);
        builder.Property(r => r.Reason).HasMaxLength(32);
        builder.Property(r => r.Provider).HasMaxLength(64);
    }

    public void Configure(EntityTypeBuilder<ContentRow> builder)
    {
        builder.ToTable("llm_contents");
        builder.HasKey(r => r.CallId);
        builder.Property(r => r.CallId).HasMaxLength(36);
        builder.Property(r => r.UserId).HasMaxLength(128);
        builder.HasIndex(r => r.ExpiresAt);
    }

    public void Configure(EntityTypeBuilder<UsageHourRow> builder) => Sums(builder, "llm_usage_hours");

    public void Configure(EntityTypeBuilder<UsageDayRow> builder) => Sums(builder, "llm_usage_days");

    private static void Sums<T>(EntityTypeBuilder<T> builder, string table)
        where T : UsageSumRow
    {
        builder.ToTable(table);
        builder.HasKey(
            nameof(UsageSumRow.Start),
            nameof(UsageSumRow.UserId),
            nameof(UsageSumRow.TeamId),
            nameof(UsageSumRow.KeyId),
            nameof(UsageSumRow.Agent),
            nameof(UsageSumRow.Provider),
            nameof(UsageSumRow.Model)
        );
        builder.Property(r => r.UserId).HasMaxLength(128);
        builder.Property(r => r.TeamId).HasMaxLength(128);
        builder.Property(r => r.KeyId).HasMaxLength(128);
        builder.Property(r => r.Agent).HasMaxLength(64);
        builder.Property(r => r.Provider).HasMaxLength(64);
        builder.Property(r => r.Model).HasMaxLength(128);
    }
}
