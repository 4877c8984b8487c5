using CodeLab.Benchmarks.Agent;
using CodeLab.Benchmarks.Auth;
using CodeLab.Benchmarks.Gateway;
using CodeLab.Benchmarks.Host;
using CodeLab.Benchmarks.Llm;

// Each benchmark is a name after `--`: dotnet run -c Release --project bench/CodeLab.Benchmarks -- engine
var argument = args.Skip(1).FirstOrDefault();
switch (args.FirstOrDefault())
{
    case "engine":
        EngineSpeed.Run();
        return 0;
    case "open":
        await SessionOpen.RunAsync();
        return 0;
    case "durable-inputs":
        await DurableInputs.RunAsync(argument);
        return 0;
    case "turns":
        await TurnOverhead.RunAsync();
        return 0;
    case "startup":
        await Startup.RunAsync(argument);
        return 0;
    case "tokens":
        await TokenSpeed.RunAsync(argument);
        return 0;
    case "ledger":
        await LedgerSpeed.RunAsync(argument);
        return 0;
    case "gateway":
        await GatewaySpeed.RunAsync(argument);
        return 0;
    case "gateway-server":
        await GatewayServer.RunAsync();
        return 0;
    default:
        Console.Error.WriteLine(
            "Name a benchmark: engine, open, turns, durable-inputs [DIRECTORY], startup [DIRECTORY], tokens [POSTGRES], ledger [DIRECTORY], "
                + "gateway [fanout | latency | idle | reattach]"
        );
        return 2;
}
