using System.Buffers;

namespace CodeLab.Modules.Gateway.Sockets;

/// <summary>
/// Buffers of messages that are being read. Small ones are the process's own; large ones have a pool that keeps two of a size, because the
/// shared one keeps one of each size for every thread that ever gave one back: with messages of 10 MiB that alone was 200 MB.
/// </summary>
internal static class MessageBuffers
{
    private const int Small = 64 * 1024;
    private const int LargestKept = 16 * 1024 * 1024;
    private static readonly ArrayPool<byte> _large = ArrayPool<byte>.Create(LargestKept, maxArraysPerBucket: 2);

    public static byte[] Rent(int bytes) => (bytes <= Small ? ArrayPool<byte>.Shared : _large).Rent(bytes);

    public static void Return(byte[] buffer) => (buffer.Length <= Small ? ArrayPool<byte>.Shared : _large).Return(buffer);
}
