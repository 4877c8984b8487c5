namespace CodeLab.Cli.Terminal;

/// <summary>A small sign of life.</summary>
internal static class Spinner
{
    private const string Frames = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";

    public static char At(TimeSpan elapsed) => Frames[(int)(elapsed.TotalMilliseconds / 100) % Frames.Length];
}
