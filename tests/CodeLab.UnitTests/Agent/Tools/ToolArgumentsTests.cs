using System.Text.Json;
using CodeLab.Modules.Agent.Tools;
using Xunit;

namespace CodeLab.UnitTests.Agent.Tools;

public sealed class ToolArgumentsTests
{
    [Theory]
    // Coercion
    [InlineData("read_file", """{"path":"a","start_line":"5"}""", """{"path":"a","start_line":5}""")]
    [InlineData("read_file", """{"path":"a","start_line":1.0}""", """{"path":"a","start_line":1}""")]
    [InlineData("read_file", """{"path":"a","start_line":"7.0"}""", """{"path":"a","start_line":7}""")]
    [InlineData("read_file", """{"path":"a","start_line":null}""", """{"path":"a"}""")]
    [InlineData("read_file", """{"path":"a","start_line":1e2}""", """{"path":"a","start_line":100}""")]
    [InlineData("list_files", """{"path":"a","recursive":"true"}""", """{"path":"a","recursive":true}""")]
    [InlineData("list_files", """{"path":"a","recursive":" False "}""", """{"path":"a","recursive":false}""")]
    [InlineData("write_file", """{"path":"a","content":42}""", """{"path":"a","content":"42","create_dirs":true}""")]
    [InlineData(
        "write_file",
        """{"path":"a","content":true,"create_dirs":false}""",
        """{"path":"a","content":"true","create_dirs":false}"""
    )]
    [InlineData("git_commit", """{"message":"m","files":"a.txt"}""", """{"message":"m","files":["a.txt"]}""")]
    [InlineData("git_commit", """{"message":"m","files":"[\"a\",\"b\"]"}""", """{"message":"m","files":["a","b"]}""")]
    [InlineData("git_commit", """{"message":"m","files":[1]}""", """{"message":"m","files":["1"]}""")]
    [InlineData("switch_mode", """{"mode":"Debug"}""", """{"mode":"debug"}""")]
    // Defaults
    [InlineData("list_files", "", """{"path":"."}""")]
    [InlineData("list_files", """{"path":""}""", """{"path":"."}""")]
    [InlineData("list_files", "null", """{"path":"."}""")]
    [InlineData("execute_command", """{"command":"ls","cwd":""}""", """{"command":"ls"}""")]
    [InlineData("git_status", "{}", "{}")]
    // Other names
    [InlineData("read_file", """{"file_path":"a"}""", """{"path":"a"}""")]
    [InlineData("read_file", """{"filename":"a"}""", """{"path":"a"}""")]
    [InlineData("read_file", """{"files":[{"path":"a"}]}""", """{"path":"a"}""")]
    [InlineData("execute_command", """{"cmd":"ls"}""", """{"command":"ls"}""")]
    [InlineData("move_file", """{"source":"a","destination":"b"}""", """{"from":"a","to":"b"}""")]
    [InlineData("search_in_code", """{"path":"src","regex":"a+b"}""", """{"query":"a+b","path":"src","regex":true}""")]
    [InlineData("switch_mode", """{"mode":"code"}""", """{"mode":"coder"}""")]
    [InlineData("attempt_completion", """{"result":"done","command":"open ."}""", """{"result":"done"}""")]
    [InlineData(
        "ask_followup_question",
        """{"question":"q","follow_up":[{"text":"a","mode":"code"},{"text":"b"}]}""",
        """{"question":"q","suggestions":["a","b"]}"""
    )]
    // Broken JSON
    [InlineData("read_file", """{"path":"a",}""", """{"path":"a"}""")]
    [InlineData("read_file", "```json\n{\"path\":\"a\"}\n```", """{"path":"a"}""")]
    [InlineData("read_file", """{"path":"a"}}""", """{"path":"a"}""")]
    [InlineData("read_file", """{"path":"a"}</tool_call>""", """{"path":"a"}""")]
    [InlineData("read_file", """{}{"path":"a"}""", """{"path":"a"}""")]
    [InlineData("read_file", """ "{\"path\":\"a\"}" """, """{"path":"a"}""")]
    [InlineData("list_files", """{"path":"a","recursive":True,"pattern":None}""", """{"path":"a","recursive":true}""")]
    [InlineData("search_in_code", """{"query":"\d+"}""", """{"query":"\\d+"}""")]
    [InlineData("search_in_code", """{"query":"it\'s"}""", """{"query":"it's"}""")]
    [InlineData("read_file", """{"path":"a" /* the file */}""", """{"path":"a"}""")]
    public void Arguments_become_what_the_schema_says(string tool, string written, string expected)
    {
        var result = ToolArguments.Read(ToolCatalog.Find(tool)!, written);

        var valid = Assert.IsType<ToolArgumentsResult.Valid>(result);
        Assert.Equal(expected, ToolJson.Text(valid.Arguments));
    }

    [Theory]
    [InlineData("read_file", "{}", "'path' is required")]
    [InlineData("read_file", """{"path":null}""", "'path' is required")]
    [InlineData("read_file", """{"path":""}""", "'path' must not be empty")]
    [InlineData("read_file", """{"path":{}}""", "'path' must be a string, got an object")]
    [InlineData("read_file", """{"path":["a"]}""", "'path' must be a string, got an array")]
    [InlineData("read_file", """{"path":"a","start_line":0}""", "'start_line' must be an integer of at least 1, got 0")]
    [InlineData("read_file", """{"path":"a","start_line":1.5}""", "'start_line' must be an integer")]
    [InlineData("read_file", """{"path":"a","start_line":"two"}""", "'start_line' must be an integer")]
    [InlineData("read_file", """{"path":"a","mode":"raw"}""", "'mode' is not a member; the members are path (required), start_line")]
    [InlineData("read_file", """{"path":"a","path":"b"}""", "'path' is given twice")]
    [InlineData("read_file", """{"path":"a","file_path":"b"}""", "'path' is given twice")]
    [InlineData("read_file", """{"files":["a","b"]}""", "one file per call")]
    [InlineData("read_file", """{"path":"a\ud800"}""", "incomplete Unicode escape")]
    [InlineData("write_file", """{"path":"a","content":"half a fi""", "not valid JSON, or end in the middle")]
    [InlineData("write_file", """{"path":"a","content":"x"}{"path":"b","content":"y"}""", "not valid JSON")]
    [InlineData("read_file", "a.txt", "not valid JSON")]
    [InlineData("read_file", "[]", "must be one JSON object")]
    [InlineData("read_file", "5", "must be one JSON object")]
    [InlineData("execute_command", """{"command":"ls","timeout":301}""", "'timeout' must be an integer from 1 to 300, got 301")]
    [InlineData("execute_command", """{"command":"ls","approved":true}""", "'approved' is not a member")]
    [InlineData("switch_mode", """{"mode":"root"}""", "'mode' must be one of \"coder\"")]
    [InlineData("git_commit", """{"message":"m","files":[{}]}""", "'files[0]' must be a string")]
    [InlineData("search_in_code", """{"query":"q","max_results":1001}""", "'max_results' must be an integer from 1 to 1000")]
    public void What_does_not_fit_is_refused_with_the_field_and_what_is_expected(string tool, string written, string complaint)
    {
        var result = ToolArguments.Read(ToolCatalog.Find(tool)!, written);

        var invalid = Assert.IsType<ToolArgumentsResult.Invalid>(result);
        Assert.StartsWith($"Invalid arguments for {tool}: ", invalid.Message);
        Assert.Contains(complaint, invalid.Message);
    }

    [Fact]
    public void Raw_line_breaks_inside_a_string_are_kept()
    {
        var result = ToolArguments.Read(ToolCatalog.Find("write_file")!, "{\"path\":\"a\",\"content\":\"one\n\ttwo\r\n\"}");

        Assert.Equal("one\n\ttwo\r\n", Assert.IsType<ToolArgumentsResult.Valid>(result).Arguments.GetProperty("content").GetString());
    }

    [Fact]
    public void A_refusal_echoes_no_more_than_64_characters_of_input()
    {
        var result = ToolArguments.Read(ToolCatalog.Find("read_file")!, $$"""{"path":"a","{{new string('x', 5000)}}":1}""");

        Assert.True(Assert.IsType<ToolArgumentsResult.Invalid>(result).Message.Length < 300);
    }

    [Fact]
    public void The_hash_ignores_order_and_escapes_but_no_value()
    {
        static string Hash(string json) => ToolArguments.ArgumentsHash(JsonElement.Parse(json));

        var hash = Hash("""{"path":"ä","content":"x","n":{"b":1,"a":[1,2]}}""");
        Assert.Equal(hash, Hash("""{"n":{"a":[1,2],"b":1},"content":"x","path":"\u00e4"}"""));
        Assert.NotEqual(hash, Hash("""{"n":{"a":[2,1],"b":1},"content":"x","path":"ä"}"""));
        Assert.NotEqual(hash, Hash("""{"path":"ä","content":"x ","n":{"b":1,"a":[1,2]}}"""));
        Assert.Matches("^[0-9a-f]{64}$", hash);
    }

    [Fact]
    public async Task Arguments_are_read_by_many_threads_at_once()
    {
        var tool = ToolCatalog.Find("write_file")!;
        var read = Enumerable
            .Range(0, 8)
            .Select(n =>
                Task.Run(() =>
                {
                    for (var i = 0; i < 500; i++)
                    {
                        var text = new string((char)('a' + n), 1 + i * 7);
                        var result = ToolArguments.Read(tool, $$"""{"path":"p{{n}}","content":"{{text}}"}""");
                        Assert.Equal(text, ((ToolArgumentsResult.Valid)result).Arguments.GetProperty("content").GetString());
                    }
                })
            );

        await Task.WhenAll(read);
    }
}
