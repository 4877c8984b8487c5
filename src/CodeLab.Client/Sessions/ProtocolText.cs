using System.Text.Json.Serialization;

namespace CodeLab.Client.Sessions;

/// <summary>JSON of plain strings, for lists whose items may be strings or objects.</summary>
[JsonSerializable(typeof(string))]
internal sealed partial class ProtocolText : JsonSerializerContext;
