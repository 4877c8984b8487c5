namespace CodeLab.FakeLlm;

/// <summary>What all endpoints of one server share.</summary>
internal sealed class FakeLlmState : IDisposable
{
    private readonly StreamWriter? _file;

    public FakeLlmState(FakeLlmOptions options)
    {
        Options = options;
        _file = options.LogPath is { } path ? new StreamWriter(path, append: true) : null;
        Log = new RequestLog(_file);
        Player = new ReplyPlayer(Gates, options.Time);
    }

    public FakeLlmOptions Options { get; }
    public ScriptBook Book { get; } = new();
    public Gates Gates { get; } = new();
    public RequestLog Log { get; }
    public ReplyPlayer Player { get; }

    /// <summary>Cancelled first when the server stops, so that hung and held answers end.</summary>
    public CancellationTokenSource Stopping { get; } = new();

    public void Reset()
    {
        Book.Reset();
        Gates.Reset();
        Log.Clear();
    }

    public void Dispose()
    {
        Stopping.Dispose();
        _file?.Dispose();
    }

    /// <summary>Answers a chat request in a dialect. <paramref name="extraCheck"/> is a check of this path only.</summary>
    public async Task ChatAsync(HttpContext http, ChatDialect dialect, Func<System.Text.Json.JsonElement, string?>? extraCheck = null)
    {
        var record = RequestRecorder.Of(http);
        record.Dialect = dialect.Name;
        if (record.Body.ValueKind != System.Text.Json.JsonValueKind.Object)
        {
            await RefuseAsync(http, dialect, record, "We could not parse the JSON body of your request.");
            return;
        }

        var chat = dialect.Read(record.Body, Options.Strict, out var refusal);
        if (Options.Strict)
            refusal ??= extraCheck?.Invoke(record.Body);
        // Azure names the model in the path.
        if (http.Request.RouteValues.TryGetValue("deployment", out var deployment))
        {
            if (chat.Model.Length == 0)
                refusal = null;
            chat = chat with { Model = (string)deployment! };
        }

        chat = chat with { IsRouting = Book.AnswersRouting(chat) };
        record.Chat = chat;
        if (refusal is not null)
        {
            await RefuseAsync(http, dialect, record, refusal);
            return;
        }

        var choice = Book.Choose(chat);
        record.Script = choice.Script;
        record.ReplyIndex = choice.Index;
        Log.Add(record);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, Stopping.Token);
        var outcome = await Player.PlayAsync(http, dialect, Plan.For(chat, choice, Options.Time), record, either.Token);
        RequestRecorder.SetOutcome(http, outcome);
    }

    public static async Task AnswerAsync(HttpContext http, int status, string body, string contentType = "application/json")
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = contentType;
        await http.Response.WriteAsync(body, http.RequestAborted);
    }

    private async Task RefuseAsync(HttpContext http, ChatDialect dialect, RecordedRequest record, string refusal)
    {
        record.Failure = refusal;
        Log.Add(record);
        await AnswerAsync(http, 400, dialect.ErrorBody(400, refusal));
    }
}
