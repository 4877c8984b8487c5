using System.Net.Http.Json;
using System.Text.Json.Serialization.Metadata;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;

namespace CodeLab.Testing.Servers;

/// <summary>Reads answers of the REST routes with the wire serializer.</summary>
public static class RestAnswers
{
    /// <summary>The body of a good answer.</summary>
    /// <exception cref="HttpRequestException">The answer is not good; the message has its status and body.</exception>
    public static async Task<T> ReadAsync<T>(
        this HttpResponseMessage response,
        JsonTypeInfo<T> type,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(response);
        if (!response.IsSuccessStatusCode)
        {
            var body = await response.Content.ReadAsStringAsync(cancellationToken);
            throw new HttpRequestException($"{(int)response.StatusCode} {body}", null, response.StatusCode);
        }
        return await response.Content.ReadFromJsonAsync(type, cancellationToken) ?? throw new InvalidOperationException("The body is null");
    }

    /// <summary>The published error body.</summary>
    public static async Task<ErrorBody> ReadErrorAsync(this HttpResponseMessage response, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(response);
        return await response.Content.ReadFromJsonAsync(ProtocolJson.Default.ErrorBody, cancellationToken)
            ?? throw new InvalidOperationException("The body is null");
    }

    /// <summary>Gets a record.</summary>
    public static async Task<T> GetAsync<T>(
        this HttpClient client,
        string path,
        JsonTypeInfo<T> type,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(client);
        using var response = await client.GetAsync(new Uri(path, UriKind.Relative), cancellationToken);
        return await response.ReadAsync(type, cancellationToken);
    }

    /// <summary>Posts a record and reads another.</summary>
    public static async Task<TAnswer> PostAsync<TBody, TAnswer>(
        this HttpClient client,
        string path,
        TBody body,
        JsonTypeInfo<TBody> bodyType,
        JsonTypeInfo<TAnswer> answerType,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(client);
        using var response = await client.PostAsJsonAsync(path, body, bodyType, cancellationToken);
        return await response.ReadAsync(answerType, cancellationToken);
    }
}
