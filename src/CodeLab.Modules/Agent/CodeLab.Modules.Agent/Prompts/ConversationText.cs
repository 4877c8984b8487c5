using System.Text;
using CodeLab.Modules.Agent.Sessions.Engine;

namespace CodeLab.Modules.Agent.Prompts;

/// <summary>Entries of a conversation as the model reads them; what is counted and what is sent is the same text.</summary>
internal static class ConversationText
{
    private const int _oldResultCharacters = 600;
    private const string _shortened = "\n… (older output shortened; run the tool again if you need it)";

    /// <summary>A person's words, with what goes with them.</summary>
    public static string Of(UserEntry user)
    {
        if (user.Attachments is not { Count: > 0 } attachments)
            return user.Content;
        var text = new StringBuilder(user.Content);
        foreach (var file in attachments)
            text.Append("\n\n<attached path=\"").Append(file.Path).Append("\">\n").Append(file.Content).Append("\n</attached>");
        return text.ToString();
    }

    /// <summary>What a call brought.</summary>
    public static string Of(ToolEntry entry, bool shrunk)
    {
        var text = ToolTexts.ForModel(entry.ToolName, entry.Status, entry.Result, entry.Error, entry.ErrorCode);
        if (!shrunk || text.Length <= _oldResultCharacters + _shortened.Length)
            return text;
        var end = char.IsHighSurrogate(text[_oldResultCharacters - 1]) ? _oldResultCharacters - 1 : _oldResultCharacters;
        return string.Concat(text.AsSpan(0, end), _shortened);
    }

    /// <summary>What stands for everything that was summarised: people's own words, and the summary.</summary>
    public static string Earlier(SessionState state)
    {
        var text = new StringBuilder("# Earlier in this conversation\n\nWhat the person said, word for word:\n");
        foreach (var user in state.Transcript.Take(state.SummarisedTo).OfType<UserEntry>())
            text.Append("\n<said>\n").Append(user.Content).Append("\n</said>\n");
        return text.Append("\nWhat was done, summarised:\n\n").Append(state.Summary).ToString();
    }
}
