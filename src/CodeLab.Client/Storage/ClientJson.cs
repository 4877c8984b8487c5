using System.Text.Json.Serialization;
using CodeLab.Client.SignIn;

namespace CodeLab.Client.Storage;

/// <summary>JSON of the client's own files.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    WriteIndented = true
)]
[JsonSerializable(typeof(TokenFile))]
[JsonSerializable(typeof(List<string>))]
internal sealed partial class ClientJson : JsonSerializerContext;
