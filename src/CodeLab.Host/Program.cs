using CodeLab.Host;
using CodeLab.Host.Configuration;
using CodeLab.Host.Startup;

try
{
    if (HostCommands.AreMeant(args))
        return await HostCommands.RunAsync(args);
    var builder = HostSetup.CreateBuilder(args);
    var app = builder.Build();
    SettingsCheck.ThrowIfWrong(app.Services);
    using var folder = DataFolderLock.Take(app.Services);
    app.UseCodeLab();
    await app.RunAsync();
    return Environment.ExitCode;
}
catch (Exception exception) when (StartFailure.Explain(exception) is { } sentence)
{
    await Console.Error.WriteLineAsync(sentence);
    return 1;
}
