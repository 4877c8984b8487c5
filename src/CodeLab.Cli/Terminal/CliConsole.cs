using System.Text;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace CodeLab.Cli.Terminal;

/// <summary>
/// The streams of the process and what they can show. What a person asked for goes to standard output, everything about it (progress,
/// warnings, problems) to standard error, so that output can be piped.
/// </summary>
internal sealed class CliConsole
{
    private readonly ColorSystem _colors;

    private CliConsole(TextWriter output, TextWriter error, bool interactive, bool errorIsTerminal, ColorSystem colors, Func<int> width)
    {
        Out = output;
        Error = error;
        IsInteractive = interactive;
        ErrorIsTerminal = errorIsTerminal;
        _colors = colors;
        _width = width;
    }

    private readonly Func<int> _width;

    /// <summary>Standard output.</summary>
    public TextWriter Out { get; }

    /// <summary>Standard error.</summary>
    public TextWriter Error { get; }

    /// <summary>Whether a person sits at it: keys can be read and the screen drawn.</summary>
    public bool IsInteractive { get; }

    /// <summary>Whether progress can be drawn over itself on standard error.</summary>
    public bool ErrorIsTerminal { get; }

    /// <summary>Whether colours may be used.</summary>
    public bool HasColors => _colors != ColorSystem.NoColors;

    /// <summary>Columns.</summary>
    public int Width => Math.Clamp(_width(), 20, 400);

    /// <summary>Rows.</summary>
    public int Height => IsInteractive ? Math.Max(5, Console.WindowHeight) : 24;

    public static CliConsole Open(bool noColor, bool machineReadable)
    {
        var utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        var output = new StreamWriter(Console.OpenStandardOutput(), utf8, 4096) { AutoFlush = true };
        var outIsTerminal = !Console.IsOutputRedirected;
        var dumb = Environment.GetEnvironmentVariable("TERM") is "dumb";
        var colors = outIsTerminal && !noColor && !machineReadable && !dumb ? DetectColors() : ColorSystem.NoColors;
        return new CliConsole(
            output,
            Console.Error,
            outIsTerminal && !Console.IsInputRedirected && !machineReadable && !dumb,
            !Console.IsErrorRedirected && !dumb,
            colors,
            () => outIsTerminal ? Console.WindowWidth : 400
        );
    }

    /// <summary>A console over writers, for tests.</summary>
    public static CliConsole Over(TextWriter output, TextWriter error, int width = 80, bool colors = false) =>
        new(output, error, interactive: false, errorIsTerminal: false, colors ? ColorSystem.TrueColor : ColorSystem.NoColors, () => width);

    /// <summary>Tells a problem on standard error.</summary>
    public void Problem(string message) => Error.WriteLine($"codelab: {message}");

    /// <summary>Tells something by the way on standard error.</summary>
    public void Note(string message) => Error.WriteLine(message);

    /// <summary>Draws something on standard output.</summary>
    public void Write(IRenderable renderable)
    {
        foreach (var line in Lines(renderable))
            Out.WriteLine(line);
    }

    /// <summary>Draws something into lines that fit the width.</summary>
    public IReadOnlyList<string> Lines(IRenderable renderable, int? width = null)
    {
        using var writer = new StringWriter { NewLine = "\n" };
        var console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = HasColors ? AnsiSupport.Yes : AnsiSupport.No,
                ColorSystem = (ColorSystemSupport)(int)_colors + 1,
                Interactive = InteractionSupport.No,
                Out = new AnsiConsoleOutput(writer),
            }
        );
        console.Profile.Width = width ?? Width - 1;
        console.Profile.Capabilities.Unicode = true;
        console.Write(renderable);
        var text = writer.ToString().Replace("\r", "", StringComparison.Ordinal);
        if (text.Length == 0)
            return [];
        return (text.EndsWith('\n') ? text[..^1] : text).Split('\n');
    }

    private static ColorSystem DetectColors()
    {
        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")))
            return ColorSystem.NoColors;
        return Environment.GetEnvironmentVariable("COLORTERM") is "truecolor" or "24bit" ? ColorSystem.TrueColor : ColorSystem.EightBit;
    }
}
