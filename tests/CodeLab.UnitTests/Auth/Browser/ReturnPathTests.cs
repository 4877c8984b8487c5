using CodeLab.Modules.Auth.Browser;
using Xunit;

namespace CodeLab.UnitTests.Auth.Browser;

/// <summary>Redirects go to paths of this host only (security.md §10).</summary>
public sealed class ReturnPathTests
{
    [Theory]
    [InlineData("/account")]
    [InlineData("/oauth/authorize?client_id=x&redirect_uri=http%3A%2F%2Fexample.org")]
    [InlineData("/")]
    public void A_path_of_this_host_is_gone_back_to(string path) => Assert.Equal(path, ReturnPath.Of(path));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("https://evil.example")]
    [InlineData("//evil.example")]
    [InlineData("///evil.example")]
    [InlineData("/\\evil.example")]
    [InlineData("\\\\evil.example")]
    [InlineData("/\t/evil.example")]
    [InlineData("\t//evil.example")]
    [InlineData("/\n/evil.example")]
    [InlineData("/a\r\nSet-Cookie: x=y")]
    [InlineData("javascript:alert(1)")]
    [InlineData("account")]
    [InlineData("@evil.example")]
    public void Any_other_address_is_not(string? path) => Assert.Equal("/home", ReturnPath.Of(path, "/home"));
}
