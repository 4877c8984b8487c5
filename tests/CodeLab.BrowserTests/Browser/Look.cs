using Xunit;

namespace CodeLab.BrowserTests.Browser;

/// <summary>How a person looks at pages: language, theme and size of the window.</summary>
public sealed record Look(string Language, string Theme, int Width)
{
    /// <summary>Four looks in which every pair of language, theme and width occurs.</summary>
    public static TheoryData<string> All => ["en-light-1440", "ru-dark-1440", "ru-light-390", "en-dark-390"];

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
