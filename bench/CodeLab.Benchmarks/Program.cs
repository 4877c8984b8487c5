using CodeLab.Benchmarks.Agent;

// Each benchmark is a name after `--`: dotnet run -c Release --project bench/CodeLab.Benchmarks -- engine
switch (args.FirstOrDefault())
{
    case "engine":
        EngineSpeed.Run();
        return 0;
    case "durable-inputs":
        await DurableInputs.RunAsync(args.Skip(1).FirstOrDefault());
        return 0;
    default:
        Console.Error.WriteLine("Name a benchmark: engine, durable-inputs [DIRECTORY]");
        return 2;
}
