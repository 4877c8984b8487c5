using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using CodeLab.BuildingBlocks.Modules;
using Microsoft.Extensions.Options;

namespace CodeLab.Host.Configuration;

/// <summary>Looks at every setting before anything starts, so that all faults are told at once.</summary>
internal static partial class SettingsCheck
{
    public static void ThrowIfWrong(IServiceProvider services)
    {
        var configuration = services.GetRequiredService<IConfiguration>();
        var faults = new List<string>();
        foreach (var check in services.GetServices<OptionsCheck>())
        {
            try
            {
                check.Run(services);
            }
            catch (OptionsValidationException wrong)
            {
                faults.AddRange(wrong.Failures.Select(failure => Readable(check.Section, failure)));
                // The framework asks an object about itself only when its attributes found nothing.
                if (check.Bind(services) is IValidatableObject options)
                    faults.AddRange(options.Validate(new ValidationContext(options)).Select(r => r.ErrorMessage ?? ""));
            }
            catch (InvalidOperationException unreadable)
            {
                // The binder stops at the first value it can not read: look at all of them.
                var found = Unreadable(check.Options, configuration.GetSection(check.Section)).ToList();
                faults.AddRange(found.Count > 0 ? found : [unreadable.Message]);
            }
        }
        faults.AddRange(WrongAddresses(configuration["urls"]));
        if (faults.Count > 0)
            throw new WrongSettingsException([.. faults.Distinct(StringComparer.Ordinal)]);
    }

    private static string Readable(string section, string failure)
    {
        if (FailurePattern().Match(failure) is not { Success: true } match)
            return failure;
        var text = match.Groups["text"].Value;
        return text.StartsWith("CodeLab", StringComparison.Ordinal) ? text : $"{section}:{match.Groups["member"].Value}: {text}";
    }

    private static IEnumerable<string> Unreadable(Type type, IConfigurationSection section)
    {
        foreach (var property in type.GetProperties().Where(p => p.CanWrite))
        {
            var child = section.GetSection(property.Name);
            var target = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            if (child.Value is { Length: > 0 } text)
            {
                if (!CanRead(target, text))
                    yield return $"{child.Path}: '{Shown(text)}' is not {Expected(target)}.";
            }
            else if (child.GetChildren().Any() && target.IsClass && target != typeof(string))
            {
                foreach (var fault in Unreadable(target, child))
                    yield return fault;
            }
        }
    }

    private static bool CanRead(Type target, string text)
    {
        var converter = TypeDescriptor.GetConverter(target);
        if (!converter.CanConvertFrom(typeof(string)))
            return true;
        try
        {
            return converter.ConvertFromInvariantString(text) is not null;
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException or OverflowException or NotSupportedException)
        {
            return false;
        }
    }

    private static string Expected(Type target) =>
        target.IsEnum ? "one of " + string.Join(", ", Enum.GetNames(target))
        : target == typeof(bool) ? "true or false"
        : target == typeof(TimeSpan) ? "a time span like 00:00:30"
        : target == typeof(Uri) ? "an address"
        : "a number";

    private static IEnumerable<string> WrongAddresses(string? urls)
    {
        foreach (var url in (urls ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string? fault = null;
            try
            {
                BindingAddress.Parse(url);
            }
            catch (FormatException)
            {
                fault = $"ASPNETCORE_URLS: '{Shown(url)}' is not an address like http://localhost:8000.";
            }
            if (fault is not null)
                yield return fault;
        }
    }

    // A wrong value may be a secret put in the wrong place: show only its beginning.
    private static string Shown(string text) => text.Length <= 32 ? text : text[..32] + "…";

    [GeneratedRegex(
        @"^DataAnnotation validation failed for '[^']*' members: '(?<member>[^']*)' with the error: '(?<text>.*)'\.$",
        RegexOptions.Singleline,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex FailurePattern();
}

/// <summary>Settings are wrong; the message lists all of them.</summary>
internal sealed class WrongSettingsException(IReadOnlyList<string> faults) : Exception(Text(faults))
{
    private static string Text(IReadOnlyList<string> faults)
    {
        var text = new StringBuilder("CodeLab can not start: ");
        text.Append(
            faults.Count == 1 ? "a setting is wrong." : string.Create(CultureInfo.InvariantCulture, $"{faults.Count} settings are wrong.")
        );
        foreach (var fault in faults)
            text.Append('\n').Append("  - ").Append(fault);
        return text.ToString();
    }
}
