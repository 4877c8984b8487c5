using System.Text.Json;
using CodeLab.Modules.Agent.Sessions.Log;

namespace CodeLab.Modules.Agent.Sessions.Engine;

/// <summary>Compares what an executor says about itself.</summary>
internal static class ExecutorProfiles
{
    /// <summary>True when nothing the model or the log cares about changed; re-attaching must not fill the log.</summary>
    public static bool Same(ExecutorProfile left, ExecutorProfile right) =>
        left.Id == right.Id
        && left.Name == right.Name
        && left.Platform == right.Platform
        && left.WorkspaceName == right.WorkspaceName
        && left.Branch == right.Branch
        && left.OneAtATime == right.OneAtATime
        && left.Plans == right.Plans
        && left.Rules.SequenceEqual(right.Rules)
        && left.Tools.Count == right.Tools.Count
        && left.Tools.Zip(right.Tools).All(pair => JsonElement.DeepEquals(pair.First, pair.Second));
}
