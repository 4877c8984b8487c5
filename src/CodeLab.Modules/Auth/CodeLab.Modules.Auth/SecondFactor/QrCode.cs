using System.Globalization;
using System.Text;
using CodeLab.Modules.Auth.Pages;
using QRCoder;

namespace CodeLab.Modules.Auth.SecondFactor;

/// <summary>A QR code as SVG in the page: nothing is fetched, and the secret in it is in no address.</summary>
internal static class QrCode
{
    private const int Quiet = 2;

    public static Html Draw(string text, string label)
    {
        using var generator = new QRCodeGenerator();
        using var data = generator.CreateQrCode(text, QRCodeGenerator.ECCLevel.M);
        // The library's matrix has a border of four already; two are enough on a white ground.
        var rows = data.ModuleMatrix;
        var cut = 4 - Quiet;
        var size = rows.Count - (2 * cut);
        var path = new StringBuilder();
        for (var y = 0; y < size; y++)
        {
            for (var x = 0; x < size; x++)
            {
                var from = x;
                while (x < size && rows[y + cut][x + cut])
                    x++;
                if (x > from)
                    path.Append(CultureInfo.InvariantCulture, $"M{from} {y}h{x - from}v1h-{x - from}z");
            }
        }
        return Html.Of(
            $"""<svg class="qr" viewBox="0 0 {size} {size}" role="img" aria-label="{label}" shape-rendering="crispEdges"><path d="{path.ToString()}"/></svg>"""
        );
    }
}
