using CodeLab.Host.Configuration;
using CodeLab.Host.Logging;
using Microsoft.Extensions.Configuration;
using Serilog;
using Serilog.Events;
using Xunit;

namespace CodeLab.IntegrationTests.Host;

public sealed class RedactionTests
{
    [Theory]
    [InlineData("sk-proj-abcdefghij0123456789")]
    [InlineData("clk_abcdefghij0123456789")]
    [InlineData("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl")]
    [InlineData("Bearer abcdefghij")]
    [InlineData("api_key=abcdefghij")]
    [InlineData("Password=abcdefghij")]
    [InlineData("access_token=abcdefghij")]
    public void Secrets_are_masked_in_messages_values_and_exceptions(string secret)
    {
        var line = Log(logger =>
            logger.Error(new InvalidOperationException("failed with " + secret), "a " + secret + " in the text and {Value}", "x " + secret)
        );

        Assert.DoesNotContain("abcdefghij", line, StringComparison.Ordinal);
        Assert.DoesNotContain("eyJ", line, StringComparison.Ordinal);
        Assert.Contains("***", line, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_secret_stays_readable()
    {
        var line = Log(logger => logger.Information("Schema of {Module} is at {Migration}", "agent_", "task-1"));

        Assert.Contains("agent_", line, StringComparison.Ordinal);
        Assert.DoesNotContain("***", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Long_values_are_cut_and_control_characters_are_escaped()
    {
        var line = Log(logger => logger.Information("{Value} {Other}", new string('x', 10_000), "a\u001b[31m\u202eb\u0085c\nd"));

        Assert.True(line.Length < 6_000, $"{line.Length} characters");
        Assert.DoesNotContain('\u001b', line);
        Assert.DoesNotContain('\u202e', line);
        Assert.DoesNotContain('\u0085', line);
        Assert.Single(line.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void Old_environment_names_mean_our_settings()
    {
        var meant = SettingAliases.Read(
            new ConfigurationBuilder()
                .AddInMemoryCollection(
                    new Dictionary<string, string?>(StringComparer.Ordinal)
                    {
                        ["AUTH_SERVICE:BRUTE_FORCE_LOCKOUT_DURATION"] = "900",
                        ["AUTH_SERVICE:MASTER_KEY"] = "Correct-Horse-7",
                        ["AGENT_RUNTIME:LLM_MODEL"] = "fake-llm",
                        ["AGENT_RUNTIME:DB_URL"] = "postgresql+asyncpg://ada:p%40ss@db:5433/runtime",
                        ["HOST"] = "0.0.0.0",
                        ["PORT"] = "8080",
                        ["DATABASE_URL"] = "postgresql://somebody:else@db/app",
                    }
                )
                .Build()
        );

        Assert.Equal("15", meant["CodeLab:Auth:Lockout:Minutes"]);
        Assert.Equal("admin", meant["CODELAB_ADMIN_USERNAME"]);
        Assert.False(meant.ContainsKey("CodeLab:Llm:DefaultModel"));
        Assert.Contains("Password=p@ss", meant["ConnectionStrings:CodeLab"], StringComparison.Ordinal);
        Assert.Contains("Port=5433", meant["ConnectionStrings:CodeLab"], StringComparison.Ordinal);
        Assert.Equal("PostgreSql", meant["CodeLab:Database:Provider"]);
        Assert.Equal("http://0.0.0.0:8080", meant["urls"]);
    }

    private static string Log(Action<ILogger> write)
    {
        using var text = new StringWriter();
        using var logger = new LoggerConfiguration().WriteTo.Sink(new TextSink(text)).CreateLogger();
        write(logger);
        return text.ToString();
    }

    private sealed class TextSink(TextWriter text) : Serilog.Core.ILogEventSink
    {
        private readonly RedactingFormatter _formatter = new();

        public void Emit(LogEvent logEvent) => _formatter.Format(logEvent, text);
    }
}
