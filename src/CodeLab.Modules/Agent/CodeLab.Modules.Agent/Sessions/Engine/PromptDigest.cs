using System.Security.Cryptography;
using System.Text;
using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Prompts;
using CodeLab.Modules.Agent.Tools;

namespace CodeLab.Modules.Agent.Sessions.Engine;

/// <summary>Names what every request of a session begins with, so that a log tells when it was changed without holding it.</summary>
internal static class PromptDigest
{
    /// <summary>16 hexadecimal digits of the system prompt and the tools.</summary>
    public static string Of(AgentDefinition agent, ToolOffer offer, SessionState state)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(SessionPrompt.Compose(agent, state)));
        foreach (var tool in offer.Tools)
            hash.AppendData(Encoding.UTF8.GetBytes($"\n{tool.Name}\n{tool.Description}\n{tool.Schema.GetRawText()}"));
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));
    }
}
