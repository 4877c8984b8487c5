using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace CodeLab.Modules.Auth.Pages;

/// <summary>Language of a page. Both forms of a text stand side by side where it is used: neither can be forgotten.</summary>
internal sealed class Language
{
    public static readonly Language English = new("en");
    public static readonly Language Russian = new("ru");

    private Language(string code) => (Code, Culture) = (code, CultureInfo.GetCultureInfo(code == "ru" ? "ru-RU" : "en-GB"));

    /// <summary>As in the attribute <c>lang</c>.</summary>
    public string Code { get; }

    public CultureInfo Culture { get; }

    public static Language? Find(string? code) =>
        code switch
        {
            "en" => English,
            "ru" => Russian,
            _ => null,
        };

    /// <summary>What the person chose; else what the browser prefers of what there is; else English.</summary>
    public static Language Of(HttpRequest request, string? chosen)
    {
        if (Find(chosen) is { } language)
            return language;
        if (!StringWithQualityHeaderValue.TryParseList(request.Headers.AcceptLanguage, out var accepted))
            return English;
        return accepted
                .Where(a => a.Quality is null or > 0)
                .OrderByDescending(a => a.Quality ?? 1)
                .Select(a => Find(a.Value.Length >= 2 ? a.Value.Value![..2].ToLowerInvariant() : null))
                .FirstOrDefault(l => l is not null)
            ?? English;
    }

    public string Say(string english, string russian) => this == Russian ? russian : english;

    /// <summary>A number with its noun: Russian has three forms (1 минута, 2 минуты, 5 минут).</summary>
    public string Count(long number, string one, string many, string odin, string dva, string pyat)
    {
        var text = number.ToString("N0", Culture);
        if (this == English)
            return $"{text} {(number == 1 ? one : many)}";
        var form =
            (number % 100) is >= 11 and <= 14 ? pyat
            : (number % 10) == 1 ? odin
            : (number % 10) is >= 2 and <= 4 ? dva
            : pyat;
        return $"{text} {form}";
    }

    public string Minutes(TimeSpan time)
    {
        var minutes = Math.Max(1, (long)Math.Ceiling(time.TotalMinutes));
        return Count(minutes, "minute", "minutes", "минуту", "минуты", "минут");
    }

    public string Date(DateTimeOffset at) => at.UtcDateTime.ToString("d MMMM yyyy", Culture);

    public string Moment(DateTimeOffset at) => at.UtcDateTime.ToString("d MMM yyyy, HH:mm", Culture) + " UTC";

    /// <summary>How long ago, roughly.</summary>
    public string Ago(DateTimeOffset at, DateTimeOffset now)
    {
        var age = now - at;
        if (age < TimeSpan.FromMinutes(2))
            return Say("just now", "только что");
        if (age < TimeSpan.FromHours(1))
        {
            var minutes = Count((long)age.TotalMinutes, "minute", "minutes", "минуту", "минуты", "минут");
            return Say(minutes + " ago", minutes + " назад");
        }
        if (age < TimeSpan.FromDays(1))
        {
            var hours = Count((long)age.TotalHours, "hour", "hours", "час", "часа", "часов");
            return Say(hours + " ago", hours + " назад");
        }
        return age < TimeSpan.FromDays(30)
            ? Say(
                $"{Count((long)age.TotalDays, "day", "days", "день", "дня", "дней")} ago",
                $"{Count((long)age.TotalDays, "day", "days", "день", "дня", "дней")} назад"
            )
            : Date(at);
    }
}
