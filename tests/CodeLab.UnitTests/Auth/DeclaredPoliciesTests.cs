using CodeLab.Modules.Auth.Access;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.SignalR;
using Xunit;

namespace CodeLab.UnitTests.Auth;

/// <summary>A route or hub method that declares no policy stops the start (security.md §6.1).</summary>
public sealed class DeclaredPoliciesTests
{
    [Fact]
    public void Routes_without_a_named_policy_are_listed()
    {
        Endpoint[] endpoints =
        [
            Endpoint("forgotten"),
            Endpoint("default", new AuthorizeAttribute()),
            Endpoint("named", new AuthorizeAttribute(Policies.Read)),
            Endpoint("open", new AllowAnonymousAttribute()),
        ];

        Assert.Equal(["forgotten", "default"], DeclaredPolicies.Undeclared(endpoints));
    }

    [Fact]
    public void Hub_methods_without_a_named_policy_are_listed_and_what_the_framework_calls_is_not()
    {
        var endpoint = Endpoint("hub", new AuthorizeAttribute(Policies.Read), new HubMetadata(typeof(SomeHub)));

        Assert.Equal(["SomeHub.Forgotten"], DeclaredPolicies.Undeclared([endpoint, endpoint]));
    }

    private static Endpoint Endpoint(string name, params object[] metadata) =>
        new(context => Task.CompletedTask, new EndpointMetadataCollection(metadata), name);

    private sealed class SomeHub : Hub
    {
        [Authorize(Policy = Policies.Write)]
        public Task Named() => Clients.All.SendAsync("named");

        public Task Forgotten() => Clients.All.SendAsync("forgotten");

        public override Task OnConnectedAsync() => base.OnConnectedAsync();
    }
}
