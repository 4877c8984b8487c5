using System.Globalization;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Auth.Persistence;

namespace CodeLab.Modules.Auth.Audit;

/// <summary>
/// <c>audit-verify [--head NUMBER:HASH]</c>: checks the chain from outside the service. With a head that was noted earlier it also finds an
/// end that was cut off.
/// </summary>
internal sealed class AuditVerifyCommand(Database database, AuditKey key, AuditVerifier verifier) : IHostCommand
{
    public string Name => "audit-verify";

    public string Summary => "checks the audit's chain; --head NUMBER:HASH also that it still holds a link noted earlier";

    public async Task<int> RunAsync(IReadOnlyList<string> arguments, TextWriter output, CancellationToken cancellationToken)
    {
        if (!TryHead(arguments, out var number, out var hash))
        {
            await output.WriteLineAsync("usage: audit-verify [--head NUMBER:HASH]    (both as an earlier run printed them)");
            return 2;
        }
        await using (var connection = await database.OpenAsync(cancellationToken))
        {
            if (!await connection.HasTableAsync("auth_audit", cancellationToken) || !await key.ReadAsync(connection, cancellationToken))
            {
                await output.WriteLineAsync("There is no audit yet: the service has not been started on this database.");
                return 1;
            }
        }
        var verdict = await verifier.VerifyAsync(number, hash, cancellationToken);
        foreach (var fault in verdict.Faults)
        {
            var place = fault.Number is { } at ? $"link {at.ToString(CultureInfo.InvariantCulture)}" : "outside the chain";
            await output.WriteLineAsync($"{fault.Kind}: {place}{(fault.AuditId is null ? "" : $", event {fault.AuditId}")}");
        }
        await output.WriteLineAsync(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{(verdict.Intact ? "intact" : "NOT INTACT")}: {verdict.Checked} links checked ({verdict.First} to {verdict.Last}), {verdict.Pending} events not sealed yet"
            )
        );
        if (verdict.Head is { } head)
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"head {verdict.Last}:{head}"));
        return verdict.Intact ? 0 : 1;
    }

    private static bool TryHead(IReadOnlyList<string> arguments, out long number, out string? hash)
    {
        (number, hash) = (0, null);
        if (arguments.Count == 0 || arguments[0] != "--head")
            return arguments.Count == 0 || arguments[0].StartsWith("--", StringComparison.Ordinal);
        if (arguments.Count < 2 || arguments[1].Split(':') is not [var first, { Length: 64 } second] || !second.All(char.IsAsciiHexDigit))
            return false;
        hash = second.ToLowerInvariant();
        return long.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number > 0;
    }
}
