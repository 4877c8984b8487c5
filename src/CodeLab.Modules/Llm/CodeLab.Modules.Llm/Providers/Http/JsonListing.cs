using System.Text.Json;

namespace CodeLab.Modules.Llm.Providers.Http;

/// <summary>Reads the list of models of a provider without its SDK, which would have to be loaded for it.</summary>
internal static class JsonListing
{
    /// <summary>The texts at <c>array[].member</c>; names we could not send are left out.</summary>
    public static async Task<IReadOnlyList<string>> GetAsync(
        HttpClient http,
        HttpRequestMessage request,
        string array,
        string member,
        string provider,
        CancellationToken cancellationToken
    )
    {
        using (request)
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
            try
            {
                using var json = await JsonDocument.ParseAsync(body, cancellationToken: cancellationToken);
                if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty(array, out var items))
                    return [];
                return
                [
                    .. items
                        .EnumerateArray()
                        .Select(item => item.TryGetProperty(member, out var name) ? name.GetString() : null)
                        .OfType<string>()
                        .Where(Models.ModelName.IsValid)
                        .Distinct(StringComparer.Ordinal),
                ];
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                throw new ProviderException(FailureCodes.ProviderError, $"{provider} sent a list of models that can not be read.", e);
            }
        }
    }

    public static Uri Under(this Uri baseUrl, string path) => new(baseUrl.AbsoluteUri.TrimEnd('/') + "/" + path);
}
