using System.Net;
using CodeLab.Modules.Llm.Providers.Http;
using Xunit;

namespace CodeLab.UnitTests.Llm.Providers;

public sealed class AddressRulesTests
{
    [Theory]
    [InlineData("169.254.169.254")]
    [InlineData("::ffff:169.254.169.254")]
    [InlineData("64:ff9b::a9fe:a9fe")]
    [InlineData("2002:a9fe:a9fe::1")]
    [InlineData("fe80::1")]
    [InlineData("fd00:ec2::254")]
    [InlineData("0.0.0.0")]
    [InlineData("255.255.255.255")]
    public void Link_local_and_metadata_addresses_are_never_reached(string address) =>
        Assert.False(AddressRules.IsAllowed(IPAddress.Parse(address), allowPrivate: true));

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("10.1.2.3")]
    [InlineData("192.168.0.1")]
    [InlineData("100.64.0.1")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("fd12::1")]
    public void Private_addresses_need_the_operator_s_word(string address)
    {
        Assert.True(AddressRules.IsAllowed(IPAddress.Parse(address), allowPrivate: true));
        Assert.False(AddressRules.IsAllowed(IPAddress.Parse(address), allowPrivate: false));
    }

    [Theory, InlineData("93.184.216.34"), InlineData("2606:4700::1111")]
    public void Public_addresses_are_reached(string address) =>
        Assert.True(AddressRules.IsAllowed(IPAddress.Parse(address), allowPrivate: false));
}
