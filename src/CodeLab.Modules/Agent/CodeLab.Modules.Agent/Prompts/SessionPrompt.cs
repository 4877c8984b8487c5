using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Protocol.Hub;

namespace CodeLab.Modules.Agent.Prompts;

/// <summary>The system prompt of a session as it stands.</summary>
internal static class SessionPrompt
{
    public static string Compose(AgentDefinition agent, SessionState state) =>
        SystemPrompt.Compose(
            agent,
            new PromptContext
            {
                Platform = state.Executor?.Platform,
                WorkspaceName = state.Executor?.WorkspaceName,
                Branch = state.Executor?.Branch,
                Rules = state.Executor?.Rules ?? [],
                Files = [.. state.ContextFiles.Select(f => new ContextFile { Path = f.Key, Content = f.Value })],
            }
        );
}
