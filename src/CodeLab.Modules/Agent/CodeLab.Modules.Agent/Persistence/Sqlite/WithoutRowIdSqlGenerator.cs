using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Operations;

namespace CodeLab.Modules.Agent.Persistence.Sqlite;

/// <summary>
/// Makes marked tables <c>WITHOUT ROWID</c>: the rows lie in the primary key's own tree, so that a session's events are neighbours and an
/// append touches one tree instead of two. EF has no word for it, and generated migrations are never edited by hand.
/// </summary>
internal sealed class WithoutRowIdSqlGenerator(MigrationsSqlGeneratorDependencies dependencies, IRelationalAnnotationProvider annotations)
    : SqliteMigrationsSqlGenerator(dependencies, annotations)
{
    /// <summary>Annotation of an entity whose table has no row ids.</summary>
    public const string Annotation = "CodeLab:WithoutRowId";

    /// <inheritdoc/>
    protected override void Generate(
        CreateTableOperation operation,
        IModel? model,
        MigrationCommandListBuilder builder,
        bool terminate = true
    )
    {
        // A table that a later migration rebuilds is made under a temporary name first.
        var name = operation.Name.StartsWith("ef_temp_", StringComparison.Ordinal) ? operation.Name["ef_temp_".Length..] : operation.Name;
        var marked = model?.GetEntityTypes().Any(e => e.GetTableName() == name && e.FindAnnotation(Annotation) is not null) is true;
        base.Generate(operation, model, builder, terminate: false);
        if (marked)
            builder.Append(" WITHOUT ROWID");
        if (terminate)
        {
            builder.AppendLine(Dependencies.SqlGenerationHelper.StatementTerminator);
            EndStatement(builder);
        }
    }
}

/// <summary>Marks tables.</summary>
internal static class WithoutRowId
{
    /// <summary>Keeps the table's rows in its primary key on SQLite; nothing on PostgreSQL.</summary>
    public static EntityTypeBuilder<T> KeepRowsInKey<T>(this EntityTypeBuilder<T> builder)
        where T : class => builder.HasAnnotation(WithoutRowIdSqlGenerator.Annotation, true);
}
