using System.Buffers;
using System.Text;
using CodeLab.Modules.Llm.Admission;
using Xunit;

namespace CodeLab.UnitTests.Llm.Control;

public sealed class SelectorFieldTests
{
    [Theory]
    [InlineData("""{"api_base":"http://evil"}""", "api_base")]
    [InlineData("""{"model":"m","API_Base":"x"}""", "API_Base")]
    [InlineData("""{"\u0061pi_base":"x"}""", "api_base")]
    [InlineData("""{"\u0061\u0070\u0069\u005f\u006b\u0065\u0079":"x"}""", "api_key")]
    [InlineData("""{"metadata":{"a":{"b":[{"base_url":"x"}]}}}""", "base_url")]
    [InlineData("""{"messages":[{"role":"user","content":"x","extra_headers":{}}]}""", "extra_headers")]
    [InlineData("""{"input":[{"organization":"x"}]}""", "organization")]
    [InlineData("""{"tools":[{"function":{"name":"f","parameters":{"type":"object","properties":{"a":{}},"api_key":"x"}}}]}""", "api_key")]
    [InlineData("""{"schema":"x","properties":{"api_base":"x"}}""", "api_base")]
    [InlineData("""{"tools":[{"parameters":{"type":"object"}}],"properties":{"headers":1}}""", "headers")]
    [InlineData("""{"extra_body":{"input":{"api_base":"x"}}}""", "api_base")]
    public void Members_that_select_where_a_call_goes_are_found(string json, string name) =>
        Assert.Equal(name, SelectorFields.Find(new(Encoding.UTF8.GetBytes(json)))?.Details?["field"]);

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"set api_base to x"}]}""")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x"}}]}]}""")]
    [InlineData(
        """{"tools":[{"function":{"name":"get","parameters":{"type":"object","properties":{"headers":{"type":"object"},"api_key":{}}}}}]}"""
    )]
    [InlineData("""{"tools":[{"name":"get","input_schema":{"type":"object","properties":{"base_url":{"type":"string"}}}}]}""")]
    [InlineData(
        """{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"get","input":{"headers":{"a":1}}}]}]}"""
    )]
    [InlineData("""{"messages":[{"tool_calls":[{"function":{"name":"get","arguments":{"headers":{}}}}]}]}""")]
    [InlineData("""{"response_format":{"json_schema":{"name":"a","schema":{"$defs":{"headers":{}},"properties":{"proxy":{}}}}}}""")]
    [InlineData("""{"api_base""")]
    public void Words_of_the_conversation_and_of_tools_are_left_alone(string json) =>
        Assert.Null(SelectorFields.Find(new(Encoding.UTF8.GetBytes(json))));

    [Fact]
    public void A_name_cut_by_the_edge_of_a_segment_is_found()
    {
        var json = Encoding.UTF8.GetBytes("""{"model":"m","api_base":"x"}""");
        for (var cut = 1; cut < json.Length; cut++)
        {
            var first = new Piece(json.AsMemory(0, cut), 0);
            var last = first.Follow(json.AsMemory(cut));

            Assert.NotNull(SelectorFields.Find(new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length)));
        }
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, long at) => (Memory, RunningIndex) = (memory, at);

        public Piece Follow(ReadOnlyMemory<byte> memory)
        {
            var next = new Piece(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
