using System.Net;
using System.Text.Json.Nodes;
using CodeLab.Modules.Auth.Grants;
using CodeLab.Modules.Auth.Grants.DeviceCode;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>A client library that nobody here wrote (npm <c>openid-client</c>, pinned beside this file) walks every grant it knows.</summary>
public sealed class OpenIdClientTests
{
    [Fact]
    public async Task A_generic_client_library_completes_every_flow_and_its_attacks_are_refused()
    {
        var port = NodeProgram.FreePort();
        var issuer = $"http://127.0.0.1:{port}";
        await using var host = await AuthHost.StartReadyAsync(
            (AuthHost.Urls, issuer),
            ("CodeLab:Auth:Issuer", issuer),
            ("CodeLab:Auth:Clients:1:ClientId", "wiki"),
            ("CodeLab:Auth:Clients:1:ClientSecret", "another+secret/of the-tests="),
            ("CodeLab:Auth:Clients:1:FirstParty", "true"),
            ("CodeLab:Auth:Clients:1:Grants:0", "authorization_code"),
            ("CodeLab:Auth:Clients:1:Scopes:0", "openid"),
            ("CodeLab:Auth:Clients:1:Scopes:1", "profile"),
            ("CodeLab:Auth:Clients:1:RedirectUris:0", "https://wiki.example.org/back")
        );
        using var ada = await BrowserPerson.SignInAsync(host);
        // Stands for the device page at which somebody types the code.
        var page = $"http://127.0.0.1:{NodeProgram.FreePort()}/";
        using var listener = new HttpListener();
        listener.Prefixes.Add(page);
        listener.Start();
        var approval = ApproveAsync(listener, host.App.Services.GetRequiredService<DeviceConfirmations>(), ada.User);

        var facts = await RunAsync(
            new JsonObject
            {
                ["issuer"] = issuer,
                ["cookie"] = ada.Cookie,
                ["secret"] = "another+secret/of the-tests=",
                ["approveUrl"] = page,
            }
        );

        var expected = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["issuer"] = issuer,
            ["code_scope"] = "api:read email openid profile",
            ["id_token_name"] = "ada",
            ["id_token_email"] = "ada@codelab.local",
            ["userinfo_name"] = "ada",
            ["refreshed"] = "true",
            ["code_reuse"] = "invalid_grant",
            ["after_code_reuse"] = "invalid_grant",
            ["wrong_verifier"] = "invalid_grant",
            ["changed_redirect"] = "invalid_grant",
            ["pkce_plain"] = "invalid_request",
            ["no_pkce"] = "invalid_request",
            ["no_state"] = "invalid_request",
            ["foreign_redirect"] = "400",
            ["web_name"] = "ada",
            ["service_scope"] = "api:read",
            ["device_scope"] = "api:read openid",
            ["introspected"] = "true ada codelab-cli",
            ["introspected_after"] = "false",
        };
        Assert.Equal(expected, facts);
        Assert.True(await approval);
    }

    private static async Task<bool> ApproveAsync(HttpListener listener, DeviceConfirmations confirmations, BrowserUser user)
    {
        var context = await listener.GetContextAsync();
        var approved = await confirmations.ApproveAsync(context.Request.QueryString["code"], user, new DefaultHttpContext());
        context.Response.Close();
        return approved;
    }

    private static async Task<Dictionary<string, string>> RunAsync(JsonObject arguments)
    {
        using var program = await NodeProgram.InstallAsync("OpenIdClient");
        var output = await program.RunAsync("client.mjs", arguments.ToJsonString());
        return output
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonNode.Parse(line)!)
            .ToDictionary(f => (string)f["fact"]!, f => f["value"]!.ToString(), StringComparer.Ordinal);
    }
}
