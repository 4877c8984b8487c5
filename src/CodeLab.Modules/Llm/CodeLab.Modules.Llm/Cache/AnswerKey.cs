using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using CodeLab.Modules.Llm.Calls;

namespace CodeLab.Modules.Llm.Cache;

/// <summary>
/// What makes two calls the same (security.md §9.7): who asks, in which dialect, which model by which route, under which settings, and every
/// byte of the request, its parameters and tools included. Two users never share an answer.
/// </summary>
internal readonly record struct AnswerKey(Int128 High, Int128 Low)
{
    public static AnswerKey Of(CallRequest request, string route, CallTarget target, long version)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, request.Caller.UserId);
        Append(hash, request.Caller.KeyId ?? "");
        Append(hash, route);
        Append(hash, target.Provider.Name);
        Append(hash, target.Model);
        Span<byte> numbers = stackalloc byte[16];
        MemoryMarshal.Write(numbers, version);
        MemoryMarshal.Write(numbers[8..], (int)request.Dialect);
        MemoryMarshal.Write(numbers[12..], ((int)request.Kind << 1) | (request.Stream ? 1 : 0));
        hash.AppendData(numbers);
        foreach (var piece in request.Body)
            hash.AppendData(piece.Span);
        Span<byte> digest = stackalloc byte[32];
        hash.GetHashAndReset(digest);
        return new(MemoryMarshal.Read<Int128>(digest), MemoryMarshal.Read<Int128>(digest[16..]));
    }

    public override string ToString() => $"{High:x32}{Low:x32}";

    // With its length in front: "a" + "bc" is not "ab" + "c".
    private static void Append(IncrementalHash hash, string text)
    {
        var most = Encoding.UTF8.GetMaxByteCount(text.Length);
        var rented = ArrayPool<byte>.Shared.Rent(4 + most);
        var length = Encoding.UTF8.GetBytes(text, rented.AsSpan(4));
        MemoryMarshal.Write(rented, length);
        hash.AppendData(rented, 0, 4 + length);
        ArrayPool<byte>.Shared.Return(rented);
    }
}
