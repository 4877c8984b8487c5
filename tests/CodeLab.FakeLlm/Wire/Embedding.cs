using System.Security.Cryptography;
using System.Text;

namespace CodeLab.FakeLlm;

/// <summary>Vectors of length 1 that depend on nothing but the text.</summary>
internal static class Embedding
{
    public static float[] Of(string text, int dimensions)
    {
        var vector = new float[dimensions];
        var block = SHA256.HashData(Encoding.UTF8.GetBytes(text));
        for (var i = 0; i < dimensions; i++)
        {
            if (i > 0 && i % 8 == 0)
                block = SHA256.HashData(block);
            vector[i] = (BitConverter.ToUInt32(block, i % 8 * 4) / (float)uint.MaxValue * 2) - 1;
        }

        var length = MathF.Sqrt(vector.Sum(v => v * v));
        return [.. vector.Select(v => v / length)];
    }
}
