using System.ComponentModel.DataAnnotations;

namespace CodeLab.BuildingBlocks.Cluster;

/// <summary>How the nodes of one installation find each other in Redis.</summary>
public sealed class ClusterOptions
{
    /// <summary>Configuration section.</summary>
    public const string Section = "CodeLab:Cluster";

    /// <summary>
    /// Name in front of every key and channel; installations that share a Redis need different ones. 1 to 50 letters, digits, <c>.</c>,
    /// <c>_</c> or <c>-</c>; default <c>codelab</c>.
    /// </summary>
    [Required, RegularExpression("^[A-Za-z0-9._-]{1,50}$")]
    public string Name { get; set; } = "codelab";
}
