namespace CodeLab.Client.Tools;

/// <summary>
/// Ends a tool call with a sentence for the model. It never leaves <see cref="LocalTools"/>, which turns it into an outcome:
/// an exception, because the rules that refuse (jail, limits, encodings) lie several calls below the tool.
/// </summary>
internal sealed class ToolFailure(string code, string message) : Exception(message)
{
    public string Code { get; } = code;

    public ToolOutcome ToOutcome() => ToolOutcome.Failure(Code, Message);
}
