using System.Text.Json;
using CodeLab.Modules.Agent.Tools;
using Xunit;

namespace CodeLab.UnitTests.Agent.Tools;

public sealed class JsonSchemaTests
{
    private const string _nested = """
        {"type":"object","properties":{"user":{"type":"object","properties":{"age":{"type":"integer","minimum":0}},"required":["age"]},
         "tags":{"type":"array","items":{"type":"string","minLength":2},"maxItems":2}},"additionalProperties":false}
        """;

    [Theory]
    [InlineData("""{"type":"string"}""", "\"a\"", true)]
    [InlineData("""{"type":"string"}""", "1", false)]
    [InlineData("""{"type":["string","null"]}""", "null", true)]
    [InlineData("""{"type":"integer"}""", "1.0", true)]
    [InlineData("""{"type":"integer"}""", "1.5", false)]
    [InlineData("""{"type":"integer"}""", "1e400", false)]
    [InlineData("""{"type":"number","minimum":1,"maximum":2}""", "1.5", true)]
    [InlineData("""{"type":"number","minimum":1,"maximum":2}""", "2.5", false)]
    [InlineData("""{"type":"number","exclusiveMinimum":1}""", "1", false)]
    [InlineData("""{"type":"number","exclusiveMaximum":1}""", "1", false)]
    [InlineData("""{"type":"boolean"}""", "true", true)]
    [InlineData("""{"type":"boolean"}""", "\"true\"", false)]
    [InlineData("""{"type":"string","minLength":2,"maxLength":3}""", "\"ab\"", true)]
    [InlineData("""{"type":"string","minLength":2,"maxLength":3}""", "\"a\"", false)]
    [InlineData("""{"type":"string","minLength":2,"maxLength":3}""", "\"abcd\"", false)]
    [InlineData("""{"enum":["a",1,null]}""", "1", true)]
    [InlineData("""{"enum":["a",1,null]}""", "2", false)]
    [InlineData("""{"const":"x"}""", "\"x\"", true)]
    [InlineData("""{"const":"x"}""", "\"y\"", false)]
    [InlineData("""{"type":"array","items":{"type":"integer"},"minItems":1}""", "[1,2]", true)]
    [InlineData("""{"type":"array","items":{"type":"integer"},"minItems":1}""", "[]", false)]
    [InlineData("""{"type":"array","items":{"type":"integer"}}""", "[1,\"2\"]", false)]
    [InlineData("""{"anyOf":[{"type":"string"},{"type":"integer"}]}""", "5", true)]
    [InlineData("""{"anyOf":[{"type":"string"},{"type":"integer"}]}""", "true", false)]
    [InlineData("""{"type":"object","additionalProperties":{"type":"integer"}}""", """{"a":1}""", true)]
    [InlineData("""{"type":"object","additionalProperties":{"type":"integer"}}""", """{"a":"x"}""", false)]
    [InlineData("""{"type":"object","properties":{"a":{}}}""", """{"b":1}""", true)]
    [InlineData("""{"type":"object","properties":{"a":{}},"additionalProperties":false}""", """{"b":1}""", false)]
    [InlineData("""{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}""", "{}", false)]
    [InlineData(_nested, """{"user":{"age":3},"tags":["ab"]}""", true)]
    [InlineData(_nested, """{"user":{"age":-1}}""", false)]
    [InlineData(_nested, """{"user":{}}""", false)]
    [InlineData(_nested, """{"tags":["ab","c"]}""", false)]
    [InlineData(_nested, """{"tags":["ab","cd","ef"]}""", false)]
    [InlineData("true", "{}", true)]
    public void Values_are_judged_by_the_schema(string schema, string value, bool fits)
    {
        var fault = JsonSchema.Compile(JsonElement.Parse(schema)).Check(JsonElement.Parse(value));

        Assert.Equal(fits, fault is null);
    }

    [Fact]
    public void A_fault_names_the_place()
    {
        var schema = JsonSchema.Compile(JsonElement.Parse(_nested));

        Assert.StartsWith("'user.age' must be an integer", schema.Check(JsonElement.Parse("""{"user":{"age":"x"}}"""))!.ToString());
        Assert.StartsWith("'tags[1]' must have at least 2", schema.Check(JsonElement.Parse("""{"tags":["ab","c"]}"""))!.ToString());
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("""{"type":"text"}""")]
    [InlineData("""{"type":5}""")]
    [InlineData("""{"properties":[]}""")]
    [InlineData("""{"properties":{"a":{}},"required":"a"}""")]
    public void A_malformed_schema_is_refused(string schema) =>
        Assert.Throws<FormatException>(() => JsonSchema.Compile(JsonElement.Parse(schema)));

    [Fact]
    public void A_schema_that_is_nested_too_deeply_is_refused()
    {
        var schema = string.Concat(Enumerable.Repeat("""{"items":""", 40)) + "{}" + new string('}', 40);

        Assert.Throws<FormatException>(() => JsonSchema.Compile(JsonElement.Parse(schema)));
    }
}
