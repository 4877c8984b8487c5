using System.Text.Json;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Host;

/// <summary>Whoever adds a route says what it does, what it answers, and shows it.</summary>
public sealed class ApiDocumentTests
{
    // Areas that are described in full; an area that gets there is added, and stays there. The model lists of
    // other products' protocols and the cache write their answers by hand, and have no types.
    private static readonly string[] _described =
    [
        "/.well-known/",
        "/api/v1/admin/",
        "/api/v1/agents",
        "/api/v1/approvals",
        "/api/v1/auth",
        "/api/v1/events",
        "/api/v1/keys",
        "/api/v1/me",
        "/api/v1/sessions",
        "/api/v1/settings",
        "/api/v1/usage",
        "/oauth/",
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_route_has_a_summary_an_answer_and_an_example()
    {
        await using var server = await CodeLabServer.StartAsync(
            new CodeLabServerOptions().With(("ASPNETCORE_ENVIRONMENT", "Development")),
            Cancel
        );
        using var answer = await server.CreateClient().GetAsync(new Uri("/openapi/v1.json", UriKind.Relative), Cancel);
        var document = JsonElement.Parse(await answer.Content.ReadAsStringAsync(Cancel));

        var missing = new List<string>();
        var routes = 0;
        foreach (
            var path in document
                .GetProperty("paths")
                .EnumerateObject()
                .Where(p => _described.Any(d => p.Name.StartsWith(d, StringComparison.Ordinal)))
        )
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                routes++;
                missing.AddRange(Missing(operation.Value).Select(what => $"{operation.Name.ToUpperInvariant()} {path.Name}: {what}"));
            }
        }

        Assert.True(routes > 100, $"Only {routes} routes were found");
        Assert.True(missing.Count == 0, string.Join('\n', missing));
    }

    [Fact]
    public async Task Outside_of_development_there_is_no_document()
    {
        await using var server = await CodeLabServer.StartAsync(cancellationToken: Cancel);

        using var answer = await (await server.SignInAsync(cancellationToken: Cancel)).GetAsync(
            new Uri("/openapi/v1.json", UriKind.Relative),
            Cancel
        );

        Assert.Equal(404, (int)answer.StatusCode);
    }

    private static IEnumerable<string> Missing(JsonElement operation)
    {
        if (!operation.TryGetProperty("summary", out var summary) || string.IsNullOrWhiteSpace(summary.GetString()))
            yield return "no summary";
        var answers = operation.GetProperty("responses").EnumerateObject().Where(r => r.Name[0] is '2' or '3').ToList();
        if (!answers.Exists(r => r.Name is "204" or "302" || r.Value.TryGetProperty("content", out _)))
            yield return "no type of a good answer";
        foreach (var answer in answers.Where(a => !HasExamples(a.Value)))
            yield return $"no example of {answer.Name}";
        if (operation.TryGetProperty("requestBody", out var body) && !HasExamples(body))
            yield return "no example of the body";
    }

    private static bool HasExamples(JsonElement body) =>
        !body.TryGetProperty("content", out var content)
        || content
            .EnumerateObject()
            .Where(c => c.Name.Contains("json", StringComparison.Ordinal))
            .All(c => c.Value.TryGetProperty("example", out _) || c.Value.TryGetProperty("examples", out _));
}
