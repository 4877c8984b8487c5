using System.Text;
using System.Text.Json;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;
using Xunit;

namespace CodeLab.UnitTests.Gateway;

public sealed class FrameJsonTests
{
    private const int OneMebibyte = 1024 * 1024;

    [Fact]
    public void A_frame_that_fits_is_left_alone()
    {
        var frame = Message(new string('a', 1_000_000));

        var (fitted, json) = FrameJson.Fit(frame);

        Assert.Same(frame, fitted);
        Assert.True(json.Length < OneMebibyte);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("я")]
    [InlineData("漢")]
    [InlineData("🙂")]
    [InlineData("\"\\\n")]
    [InlineData("\u0001")]
    public void A_long_text_is_cut_to_less_than_a_mebibyte_and_says_so(string unit)
    {
        var text = new StringBuilder().Insert(0, unit, 3_000_000 / unit.Length).ToString();

        var (fitted, json) = FrameJson.Fit(Message(text));

        var message = Assert.IsType<AssistantMessageFrame>(fitted);
        Assert.True(json.Length < OneMebibyte, $"{json.Length} bytes");
        Assert.True(json.Length > OneMebibyte / 8, $"only {json.Length} bytes are left");
        Assert.True(message.Truncated);
        Assert.StartsWith(message.Content!, text, StringComparison.Ordinal);
        Assert.False(char.IsHighSurrogate(message.Content![^1]));
        var read = Assert.IsType<AssistantMessageFrame>(JsonSerializer.Deserialize(json, ProtocolJson.Default.SessionFrame));
        Assert.Equal(message.Content, read.Content);
    }

    [Fact]
    public void A_long_tool_result_is_left_out()
    {
        var frame = new ToolResultFrame
        {
            SessionId = "s",
            Seq = 1,
            CallId = "c",
            ToolName = "read_file",
            Status = "result",
            Result = JsonSerializer.SerializeToElement(new string('x', 2_000_000)),
        };

        var (fitted, json) = FrameJson.Fit(frame);

        var result = Assert.IsType<ToolResultFrame>(fitted);
        Assert.Null(result.Result);
        Assert.True(result.Truncated);
        Assert.True(json.Length < 1_000);
    }

    [Fact]
    public void The_arguments_of_a_call_are_never_cut()
    {
        var frame = new ToolCallFrame
        {
            SessionId = "s",
            Seq = 1,
            CallId = "c",
            ToolName = "write_file",
            Arguments = JsonSerializer.SerializeToElement(new { content = new string('x', 2_000_000) }),
        };

        Assert.Same(frame, FrameJson.Fit(frame).Frame);
    }

    private static AssistantMessageFrame Message(string content) =>
        new()
        {
            SessionId = "s",
            Seq = 1,
            MessageId = "m",
            Content = content,
        };
}
