using System.Reflection;

namespace CodeLab.ArchitectureTests;

/// <summary>Every assembly of ours that the host and the client are made of, found beside this test: nothing is listed by hand.</summary>
internal static class Solution
{
    public const string ModulePrefix = "CodeLab.Modules.";

    public static IReadOnlyList<Assembly> Assemblies { get; } =
    [
        .. Directory
            .EnumerateFiles(AppContext.BaseDirectory, "*.dll")
            .Where(f => Path.GetFileName(f) is var name && (name.StartsWith("CodeLab.", StringComparison.Ordinal) || name == "codelab.dll"))
            .Where(f => !Path.GetFileName(f).Contains("Tests", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(Assembly.LoadFrom),
    ];

    public static IReadOnlyList<Assembly> ModuleAssemblies { get; } =
    [
        .. Assemblies.Where(a =>
            Name(a).StartsWith(ModulePrefix, StringComparison.Ordinal) && !Name(a).EndsWith(".Contracts", StringComparison.Ordinal)
        ),
    ];

    public static IReadOnlyList<Assembly> Contracts { get; } =
    [.. Assemblies.Where(a => Name(a).EndsWith(".Contracts", StringComparison.Ordinal))];

    public static string Name(Assembly assembly) => assembly.GetName().Name!;

    /// <summary>What an assembly really uses, as the compiler wrote it down.</summary>
    public static IReadOnlyList<string> References(Assembly assembly) => [.. assembly.GetReferencedAssemblies().Select(r => r.Name!)];

    /// <summary>Assemblies of ours among them.</summary>
    public static IReadOnlyList<string> OwnReferences(Assembly assembly) =>
        [.. References(assembly).Where(r => r.StartsWith("CodeLab.", StringComparison.Ordinal) || r == "codelab")];
}
