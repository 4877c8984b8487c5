using CodeLab.Cli.CommandLine;

return await CodeLabCommand.InvokeAsync(args);
