using Xunit;

namespace CodeLab.BrowserTests.Browser;

/// <summary>How a person looks at pages: language, theme and size of the window.</summary>
public sealed record Look(string Language, string Theme, int Width)
{
    // In which every pair of language, theme and width occurs.
    private static readonly string[] _four = ["en-light-1440", "ru-dark-1440", "ru-light-390", "en-dark-390"];
    private static readonly string[] _others = ["en-dark-1440", "ru-light-1440", "ru-dark-390", "en-light-390"];

    /// <summary>Four looks in which every pair of language, theme and width occurs; all eight in full (<c>CODELAB_TESTS_FULL=1</c>).</summary>
    public static TheoryData<string> All =>
        [.. Environment.GetEnvironmentVariable("CODELAB_TESTS_FULL") == "1" ? [.. _four, .. _others] : _four];

    /// <summary>Reads a name back.</summary>
    public static Look Parse(string name)
    {
        var parts = name.Split('-');
        return new(parts[0], parts[1], int.Parse(parts[2], System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>Short name for files.</summary>
    public string Name => $"{Language}-{Theme}-{Width}";

    /// <summary>Height that goes with the width.</summary>
    public int Height => Width < 600 ? 844 : 900;

    /// <summary>Text in the language.</summary>
    public string Say(string english, string russian) => Language == "ru" ? russian : english;
}
