using System.Net.Sockets;
using CodeLab.Host.Startup;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace CodeLab.Host.Configuration;

/// <summary>Says in a sentence why the host did not start. What it can not explain stays an exception with its stack trace.</summary>
internal static class StartFailure
{
    public static string? Explain(Exception exception) =>
        exception switch
        {
            WrongSettingsException or DataFolderException => exception.Message,
            OptionsValidationException wrong => new WrongSettingsException([.. wrong.Failures]).Message,
            IOException { InnerException: AddressInUseException } inUse =>
                $"CodeLab can not start: {inUse.Message} Stop the program that listens there, or set ASPNETCORE_URLS to another address.",
            SocketException { SocketErrorCode: SocketError.AccessDenied } =>
                "CodeLab can not start: listening on this port needs more rights. Set ASPNETCORE_URLS to a port above 1023.",
            SocketException { SocketErrorCode: SocketError.AddressNotAvailable } =>
                "CodeLab can not start: this machine does not have the address named in ASPNETCORE_URLS.",
            _ => null,
        };
}
