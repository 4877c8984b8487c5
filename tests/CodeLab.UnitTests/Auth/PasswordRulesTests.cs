using CodeLab.Modules.Auth.Users;
using Xunit;

namespace CodeLab.UnitTests.Auth;

public sealed class PasswordRulesTests
{
    [Theory]
    [InlineData("Mixed-9x")]
    [InlineData("a plain long sentence")]
    [InlineData("пароль-Длинный-7")]
    public void A_long_or_a_mixed_password_will_do(string password)
    {
        Assert.Null(PasswordRules.Fault(password, "ada", "ada@example.org"));
    }

    [Theory]
    [InlineData("Ab1!xyz", "too short")]
    [InlineData("alllowercase", "too simple")]
    [InlineData("NoDigits!!", "too simple")]
    [InlineData("NoSpecial99", "too simple")]
    [InlineData("aaaaaaaaaaaaaaaaaaaa", "repeats")]
    [InlineData("Change-Me-In-Production", "most common")]
    [InlineData("LOVELACE-THE-FIRST-1", "own name")]
    public void A_password_that_others_would_try_is_refused(string password, string reason)
    {
        Assert.Contains(reason, PasswordRules.Fault(password, "lovelace-the-first-1", "ada@example.org"));
    }

    [Fact]
    public void A_password_may_have_128_characters_and_no_more()
    {
        var longest = string.Concat(Enumerable.Range(0, 128).Select(i => (char)('a' + (i % 26))));

        Assert.Null(PasswordRules.Fault(longest, "ada", "ada@example.org"));
        Assert.Contains("too long", PasswordRules.Fault(longest + "x", "ada", "ada@example.org"));
    }
}
