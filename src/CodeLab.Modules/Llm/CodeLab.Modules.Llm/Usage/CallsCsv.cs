using System.Globalization;
using System.IO.Pipelines;
using System.Text;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>Writes calls as CSV (RFC 4180), a line as it comes.</summary>
internal static class CallsCsv
{
    private const int FlushBytes = 32 * 1024;

    private const string Header =
        "id,created_at,user_id,team_id,key_id,session_id,agent,provider,model,alias,door,streamed,cache_hit,input_tokens,output_tokens,"
        + "cached_tokens,cache_write_tokens,reasoning_tokens,estimated,cost_usd,duration_ms,first_token_ms,overhead_us,attempts,outcome\r\n";

    public static async Task WriteAsync(IAsyncEnumerable<CallInfo> calls, PipeWriter output, CancellationToken cancellationToken)
    {
        Encoding.UTF8.GetBytes(Header, output);
        var line = new StringBuilder();
        await foreach (var call in calls.WithCancellation(cancellationToken))
        {
            Append(line.Clear(), call);
            Encoding.UTF8.GetBytes(line.ToString(), output);
            if (output.UnflushedBytes > FlushBytes)
                await output.FlushAsync(cancellationToken);
        }
        await output.FlushAsync(cancellationToken);
    }

    private static void Append(StringBuilder line, CallInfo call)
    {
        var culture = CultureInfo.InvariantCulture;
        line.Append(culture, $"{call.Id},{call.CreatedAt.UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffZ},");
        foreach (
            var text in (ReadOnlySpan<string?>)
                [call.UserId, call.TeamId, call.KeyId, call.SessionId, call.Agent, call.Provider, call.Model, call.Alias, call.Door]
        )
            line.Append(Field(text)).Append(',');
        line.Append(culture, $"{(call.IsStreamed ? 1 : 0)},{(call.IsCacheHit ? 1 : 0)},{call.InputTokens},{call.OutputTokens},")
            .Append(culture, $"{call.CachedTokens},{call.CacheWriteTokens},{call.ReasoningTokens},{(call.IsEstimated ? 1 : 0)},")
            .Append(culture, $"{call.Cost:0.000000000},{call.DurationMs},{call.FirstTokenMs},{call.OverheadUs},{call.Attempts},")
            .Append(Field(call.Outcome))
            .Append("\r\n");
    }

    private static string Field(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return "";
        // A spreadsheet would run what begins like a formula; model names and ids come from outside.
        if (text[0] is '=' or '+' or '-' or '@' or '\t' or '\r')
            text = "'" + text;
        return text.AsSpan().ContainsAny(",\"\r\n") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
    }
}
