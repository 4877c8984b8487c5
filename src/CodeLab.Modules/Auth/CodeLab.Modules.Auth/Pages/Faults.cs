using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Users;

namespace CodeLab.Modules.Auth.Pages;

/// <summary>Errors of slices in the language of the page. REST has the English sentences; the codes are the same.</summary>
internal static class Faults
{
    private static readonly Dictionary<string, string> _russian = new(StringComparer.Ordinal)
    {
        ["USER_EXISTS"] = "Такое имя или адрес почты уже заняты. Выберите другие.",
        ["USER_NOT_FOUND"] = "Такого пользователя нет.",
        ["SETUP_TOKEN_INVALID"] = "Ссылка недействительна. Откройте самую новую из консоли службы.",
        ["SETUP_TOKEN_EXPIRED"] = "Срок ссылки истёк. Перезапустите службу: она напечатает новую.",
        ["SETUP_ALREADY_CLAIMED"] = "Администратора только что создал кто-то другой. Войдите или обратитесь к нему.",
        ["SETUP_DONE"] = "Администратор уже создан. Войдите в систему.",
        ["HTTPS_REQUIRED"] = "Откройте эту страницу по HTTPS: пароли не передаются открытым текстом.",
        ["RATE_LIMIT_EXCEEDED"] = "Слишком много попыток. Подождите минуту и попробуйте снова.",
        ["STARTING"] = "Служба запускается. Попробуйте через несколько секунд.",
        ["LINK_INVALID"] = "Ссылка недействительна, уже использована или её срок истёк. Попросите у администратора новую.",
        ["KEY_NOT_FOUND"] = "Такого ключа нет.",
        ["TOO_MANY_KEYS"] = "Ключей слишком много. Отзовите те, которыми не пользуетесь.",
        ["SCOPE_NOT_ALLOWED"] = "Таких прав у ваших ключей быть не может.",
        ["WRONG_PASSWORD"] = "Нынешний пароль неверен. Попробуйте снова.",
        ["ACCOUNT_LOCKED"] = "Слишком много неудачных попыток. Подождите 15 минут или попросите администратора снять блокировку.",
        ["SIGN_IN_NOT_FOUND"] = "Этот сеанс уже завершён.",
    };

    private static readonly Dictionary<string, string> _fields = new(StringComparer.Ordinal)
    {
        ["username"] = "Имя: от 3 до 255 латинских букв, цифр, знаков _ и -.",
        ["email"] = "Проверьте адрес почты.",
        ["name"] = "Название ключа: от 1 до 100 знаков.",
        ["scopes"] = "Выберите хотя бы одно право.",
    };

    public static string Say(this PageContext page, Error error)
    {
        if (page.Language != Language.Russian)
            return error.Message;
        if (error.Code == "WEAK_PASSWORD")
            return PasswordInRussian(error.Message);
        if (
            error.Code == "INVALID_REQUEST"
            && error.Details?.GetValueOrDefault("field") is { } field
            && _fields.TryGetValue(field, out var text)
        )
            return text;
        return _russian.GetValueOrDefault(error.Code, "Не получилось. Проверьте, что вы ввели, и попробуйте снова.");
    }

    /// <summary>The field an error belongs to; null when it belongs to none.</summary>
    public static string? Field(this Error error) => error.Details?.GetValueOrDefault("field");

    public static string PasswordRule(this PageContext page) =>
        page.Say(
            $"At least {PasswordRules.LongEnoughAlone} characters, or at least {PasswordRules.Shortest} with an upper-case letter, a digit and a special character.",
            $"Не короче {PasswordRules.LongEnoughAlone} знаков, или не короче {PasswordRules.Shortest} с заглавной буквой, цифрой и специальным знаком."
        );

    private static string PasswordInRussian(string english) =>
        PasswordRules.KindOf(english) switch
        {
            PasswordFault.TooShort => $"Пароль слишком короткий: нужно не меньше {PasswordRules.Shortest} знаков.",
            PasswordFault.TooLong => $"Пароль слишком длинный: не больше {PasswordRules.Longest} знаков.",
            PasswordFault.TooSimple =>
                $"Пароль слишком простой: нужно {PasswordRules.LongEnoughAlone} знаков, или {PasswordRules.Shortest} с заглавной буквой, цифрой и специальным знаком.",
            PasswordFault.Repeats => "В пароле слишком мало разных знаков.",
            PasswordFault.Common => "Это один из самых частых паролей: придумайте другой.",
            PasswordFault.OwnName => "Пароль совпадает с вашим именем: придумайте другой.",
            _ => "Этот пароль не подходит: придумайте другой.",
        };
}
