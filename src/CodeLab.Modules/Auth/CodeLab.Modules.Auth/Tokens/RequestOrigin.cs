using CodeLab.BuildingBlocks.Http;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>Where a request came from, as it is kept with sign-ins and in the audit.</summary>
/// <param name="Ip">Address of the client by the trusted-proxy rule.</param>
/// <param name="UserAgent">Program, as it names itself; at most 256 characters.</param>
internal readonly record struct RequestOrigin(string? Ip, string? UserAgent)
{
    private const int LongestName = 256;

    public static RequestOrigin Of(HttpContext context, ClientAddress addresses)
    {
        var program = context.Request.Headers.UserAgent.ToString();
        return new(addresses.Of(context), program.Length == 0 ? null : program[..Math.Min(program.Length, LongestName)]);
    }
}
