using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Users;

/// <summary>Too many passwords are being checked; try again in a second.</summary>
internal sealed class PasswordQueueFullException() : Exception("Too many passwords are being checked at once");

/// <summary>
/// Hashes and checks passwords (PBKDF2-HMAC-SHA512), at most two per core at once: a flood of sign-ins must not take the processor from
/// everybody else (security.md §3). Passwords are NFC, so that a key stroke means the same on every keyboard.
/// </summary>
internal sealed class PasswordHashing : IDisposable
{
    private const int Queue = 64;
    private readonly PasswordHasher<User> _hasher;
    private readonly SemaphoreSlim _slots = new(2 * Environment.ProcessorCount);
    private readonly string _nobody;
    private int _waiting;

    public PasswordHashing(IOptions<AuthOptions> options)
    {
        var iterations = options.Value.PasswordIterations;
        _hasher = new(Options.Create(new PasswordHasherOptions { IterationCount = iterations }));
        _nobody = HashOfNobody(iterations);
    }

    /// <exception cref="PasswordQueueFullException">The queue is full.</exception>
    public Task<string> HashAsync(string password, CancellationToken cancellationToken) =>
        RunAsync(() => _hasher.HashPassword(null!, Normalize(password)), cancellationToken);

    /// <summary>Checks a password; without a hash it does the same work and fails, so that time does not tell who exists.</summary>
    /// <exception cref="PasswordQueueFullException">The queue is full.</exception>
    public Task<PasswordVerificationResult> VerifyAsync(string? hash, string password, CancellationToken cancellationToken) =>
        RunAsync(
            () =>
            {
                var result = _hasher.VerifyHashedPassword(null!, hash ?? _nobody, Normalize(password));
                return hash is null ? PasswordVerificationResult.Failed : result;
            },
            cancellationToken
        );

    public void Dispose() => _slots.Dispose();

    private async Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellationToken)
    {
        if (!_slots.Wait(0, CancellationToken.None))
        {
            if (Interlocked.Increment(ref _waiting) > Queue)
            {
                Interlocked.Decrement(ref _waiting);
                throw new PasswordQueueFullException();
            }
            try
            {
                await _slots.WaitAsync(cancellationToken);
            }
            finally
            {
                Interlocked.Decrement(ref _waiting);
            }
        }
        try
        {
            return await Task.Run(work, cancellationToken);
        }
        finally
        {
            _slots.Release();
        }
    }

    private static string Normalize(string password)
    {
        try
        {
            return password.Normalize(NormalizationForm.FormC);
        }
        catch (ArgumentException)
        {
            // Lone surrogates have no normal form; such a text is a password like any other.
            return password;
        }
    }

    /// <summary>A hash in the format of Identity (version 3) that no password has.</summary>
    private static string HashOfNobody(int iterations)
    {
        var hash = new byte[13 + 16 + 32];
        RandomNumberGenerator.Fill(hash);
        hash[0] = 1;
        BinaryPrimitives.WriteUInt32BigEndian(hash.AsSpan(1), 2);
        BinaryPrimitives.WriteUInt32BigEndian(hash.AsSpan(5), (uint)iterations);
        BinaryPrimitives.WriteUInt32BigEndian(hash.AsSpan(9), 16);
        return Convert.ToBase64String(hash);
    }
}
