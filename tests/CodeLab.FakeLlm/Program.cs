using System.Globalization;
using CodeLab.FakeLlm;

const string Usage = """
    A scripted model server (OpenAI, Anthropic and Ollama wire formats on one port of 127.0.0.1).

      --port N            port; default 9901, 0 takes a free one
      --script PATH       script file or folder, repeatable; the first script is the default one, the others are chosen by [[script:NAME]]
      --use NAME          makes a shipped or loaded script the default one
      --log FILE          appends what is asked, one JSON object a line
      --require-key KEY   answers 401 without this key
      --model NAME        model to list, repeatable
      --route AGENT       agent named to routing calls (default coder), or off
      --lenient           takes requests the real providers refuse
    """;

var options = new FakeLlmOptions { Port = 9901 };
var scripts = new List<string>();
var models = new List<string>();
string? use = null;
var route = "coder";
for (var i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--lenient":
            options = options with { Strict = false };
            continue;
        case "--help" or "-h":
            Console.WriteLine(Usage);
            return 0;
    }

    if (i + 1 >= args.Length)
        return Refuse($"{args[i]} needs a value, or is unknown.");
    var value = args[++i];
    switch (args[i - 1])
    {
        case "--port" when int.TryParse(value, CultureInfo.InvariantCulture, out var port) && port is >= 0 and <= 65535:
            options = options with { Port = port };
            break;
        case "--script":
            scripts.Add(value);
            break;
        case "--use":
            use = value;
            break;
        case "--log":
            options = options with { LogPath = value };
            break;
        case "--require-key":
            options = options with { RequireKey = value };
            break;
        case "--model":
            models.Add(value);
            break;
        case "--route":
            route = value;
            break;
        default:
            return Refuse($"{args[i - 1]} {value} is not understood.");
    }
}

if (models.Count > 0)
    options = options with { Models = models };
await using var fake = await FakeLlmServer.StartAsync(options);
try
{
    for (var i = 0; i < scripts.Count; i++)
        fake.Load(scripts[i], asDefault: i == 0);
    if (use is not null)
        fake.Use(use);
}
catch (Exception e) when (e is IOException or System.Text.Json.JsonException or ArgumentException or UnauthorizedAccessException)
{
    return Refuse(e.Message);
}

fake.Route(route == "off" ? null : route);

// A test that starts the program reads the free port from these lines.
Console.WriteLine($"OPENAI_BASE_URL={fake.OpenAiBaseUrl}");
Console.WriteLine($"ANTHROPIC_BASE_URL={fake.AnthropicBaseUrl}");
Console.WriteLine($"OLLAMA_BASE_URL={fake.OllamaBaseUrl}");
Console.WriteLine("Ready. Ctrl-C stops.");
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stop.Cancel();
};
using var terminate = System.Runtime.InteropServices.PosixSignalRegistration.Create(
    System.Runtime.InteropServices.PosixSignal.SIGTERM,
    context =>
    {
        context.Cancel = true;
        stop.Cancel();
    }
);
await fake.WaitForShutdownAsync(stop.Token);
return 0;

static int Refuse(string problem)
{
    Console.Error.WriteLine(problem);
    Console.Error.WriteLine(Usage);
    return 2;
}
