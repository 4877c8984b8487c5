using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Audit;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Auth.Access;

/// <summary>
/// Who is calling right now, for the audit. Ask before a transaction begins: on SQLite its work runs on another thread, where nobody is
/// calling.
/// </summary>
internal sealed class Callers(IHttpContextAccessor accessor, ClientAddress addresses)
{
    /// <summary>Fills what the event does not say of its own: actor, address, program, client and sign-in of the request being answered.</summary>
    public AuditEvent Stamp(AuditEvent entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (accessor.HttpContext is not { } context)
            return entry;
        var user = context.User;
        return entry with
        {
            Actor = entry.Actor ?? user.FindFirst("sub")?.Value,
            Session = entry.Session ?? user.FindFirst("sid")?.Value,
            Ip = entry.Ip ?? addresses.Of(context),
            UserAgent = entry.UserAgent ?? NullIfEmpty(context.Request.Headers.UserAgent.ToString()),
            ClientId = entry.ClientId ?? user.FindFirst("client_id")?.Value,
        };
    }

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;
}
