using System.Reflection;
using System.Xml.Linq;
using Xunit;
using static CodeLab.ArchitectureTests.Solution;

namespace CodeLab.ArchitectureTests;

/// <summary>The arrows of design.md §2: whoever draws another one changes this page on purpose.</summary>
public sealed class ModuleBoundaryTests
{
    private static readonly Dictionary<string, string[]> _foreignContracts = new(StringComparer.Ordinal)
    {
        ["CodeLab.Modules.Gateway"] =
        [
            "CodeLab.Modules.Agent.Contracts",
            "CodeLab.Modules.Auth.Contracts",
            "CodeLab.Modules.Llm.Contracts",
        ],
        ["CodeLab.Modules.Agent"] = ["CodeLab.Modules.Llm.Contracts", "CodeLab.Modules.Auth.Contracts"],
        ["CodeLab.Modules.Llm"] = ["CodeLab.Modules.Auth.Contracts"],
        ["CodeLab.Modules.Auth"] = [],
    };

    public static TheoryData<string> EveryModule => [.. ModuleAssemblies.Select(Name)];

    public static TheoryData<string> EveryContracts => [.. Contracts.Select(Name)];

    [Fact]
    public void The_four_modules_and_their_contracts_are_found()
    {
        Assert.Equal(4, ModuleAssemblies.Count);
        Assert.Equal(4, Contracts.Count);
    }

    [Theory, MemberData(nameof(EveryModule))]
    public void A_module_sees_the_ground_its_own_contracts_and_those_it_may(string module)
    {
        string[] allowed =
        [
            "CodeLab.BuildingBlocks",
            "CodeLab.Protocol",
            module + ".Contracts",
            .. _foreignContracts.GetValueOrDefault(module, []),
        ];

        Assert.Empty(OwnReferences(Find(module)).Except(allowed));
    }

    [Theory, MemberData(nameof(EveryModule))]
    public void A_module_shows_nothing_but_its_registration(string module)
    {
        var shown = Find(module).GetExportedTypes().Where(t => !IsGenerated(t)).Select(t => t.Name);

        Assert.Equal([module[ModulePrefix.Length..] + "Module"], shown);
    }

    [Theory, MemberData(nameof(EveryContracts))]
    public void Contracts_hold_messages_only(string contracts)
    {
        var assembly = Find(contracts);

        Assert.DoesNotContain(
            References(assembly),
            r =>
                r.StartsWith("Microsoft.EntityFrameworkCore", StringComparison.Ordinal)
                || r.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal)
        );
        Assert.Empty(OwnReferences(assembly).Except(["CodeLab.BuildingBlocks", "CodeLab.Protocol"]));
        Assert.DoesNotContain(assembly.GetTypes(), t => t.Name.EndsWith("Handler", StringComparison.Ordinal));
    }

    [Fact]
    public void The_protocol_stands_alone() => Assert.Empty(OwnReferences(Find("CodeLab.Protocol")));

    [Fact]
    public void The_ground_knows_no_module() => Assert.Empty(OwnReferences(Find("CodeLab.BuildingBlocks")).Except(["CodeLab.Protocol"]));

    [Fact]
    public void The_client_knows_the_protocol_only() => Assert.Empty(OwnReferences(Find("CodeLab.Client")).Except(["CodeLab.Protocol"]));

    [Fact]
    public void The_command_line_knows_the_client_and_the_protocol_only() =>
        Assert.Empty(OwnReferences(Find("codelab")).Except(["CodeLab.Protocol", "CodeLab.Client"]));

    [Fact]
    public void Only_building_blocks_know_how_messages_are_registered()
    {
        var users = ModuleAssemblies
            .Concat(Contracts)
            .Where(a => a.GetTypes().SelectMany(Used).Any(t => t.FullName is "MediatR.IMediator" or "MediatR.ServiceFactory"));

        Assert.Empty(users.Select(Name));
    }

    [Fact]
    public void Only_the_host_knows_serilog() =>
        Assert.Equal(
            ["CodeLab.Host"],
            Assemblies.Where(a => References(a).Any(r => r.StartsWith("Serilog", StringComparison.Ordinal))).Select(Name)
        );

    [Theory, MemberData(nameof(EveryModule))]
    public void A_project_file_draws_no_other_arrow(string module)
    {
        // An arrow that is drawn but not used yet leaves no trace in the assembly; the project file shows it.
        var folder = module[ModulePrefix.Length..];
        var file = Path.Combine(Root(), "src", "CodeLab.Modules", folder, module, module + ".csproj");
        var drawn = XDocument
            .Load(file)
            .Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value.Replace('\\', '/')));

        Assert.Empty(drawn.Except(["CodeLab.BuildingBlocks", "CodeLab.Protocol", module + ".Contracts", .. _foreignContracts[module]]));
    }

    [Fact]
    public void No_folder_is_called_by_a_word_that_says_nothing()
    {
        string[] empty = ["Helpers", "Managers", "Utils", "Services", "Extensions", "Common", "Misc"];
        var found = Directory
            .EnumerateDirectories(Path.Combine(Root(), "src"), "*", SearchOption.AllDirectories)
            .Where(d => !d.Contains("/obj/", StringComparison.Ordinal) && !d.Contains("/bin/", StringComparison.Ordinal))
            .Where(d => empty.Contains(Path.GetFileName(d)));

        Assert.Empty(found);
    }

    private static Assembly Find(string name) => Assemblies.Single(a => Name(a) == name);

    private static bool IsGenerated(Type type) =>
        type.Namespace?.Contains(".Migrations", StringComparison.Ordinal) == true
        || type.Namespace?.Contains(".Generated", StringComparison.Ordinal) == true
        || type.Name.StartsWith('<');

    private static IEnumerable<Type> Used(Type type)
    {
        const BindingFlags all =
            BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        foreach (var field in type.GetFields(all))
            yield return field.FieldType;
        foreach (var parameter in type.GetConstructors(all).SelectMany(c => c.GetParameters()))
            yield return parameter.ParameterType;
        foreach (var parameter in type.GetMethods(all).SelectMany(m => m.GetParameters()))
            yield return parameter.ParameterType;
    }

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "CodeLab.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("CodeLab.sln was not found above the test");
        return folder;
    }
}
