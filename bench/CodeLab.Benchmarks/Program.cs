using CodeLab.Benchmarks.Agent;
using CodeLab.Benchmarks.Auth;
using CodeLab.Benchmarks.Host;
using CodeLab.Benchmarks.Llm;

// Each benchmark is a name after `--`: dotnet run -c Release --project bench/CodeLab.Benchmarks -- engine
switch (args.FirstOrDefault())
{
    case "engine":
        EngineSpeed.Run();
        return 0;
    case "open":
        await SessionOpen.RunAsync();
        return 0;
    case "durable-inputs":
        await DurableInputs.RunAsync(args.Skip(1).FirstOrDefault());
        return 0;
    case "turns":
        await TurnOverhead.RunAsync();
        return 0;
    case "startup":
        await Startup.RunAsync(args.Skip(1).FirstOrDefault());
        return 0;
        Console.Error.WriteLine(
            "Name a benchmark: engine, open, turns, durable-inputs [DIRECTORY], startup [DIRECTORY], ledger [DIRECTORY]"
        );
        return 2;
}
