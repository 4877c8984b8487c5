using System.Data.Common;
using System.Threading.Channels;
using CodeLab.BuildingBlocks.Data;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Llm.Usage;

/// <summary>
/// Writes a row for every call. One writer takes what has come together and commits it at once: under load many calls share a commit, and a
/// single call waits for one.
/// </summary>
internal sealed partial class UsageLedger(Database database, ILogger<UsageLedger> logger) : BackgroundService
{
    private const int MostInBatch = 256;

    private const string Insert = """
        INSERT INTO llm_usage (id, created_at, user_id, session_id, agent, provider, model, input_tokens, output_tokens, cached_tokens,
            reasoning_tokens, is_estimated, cost_nanos, duration_ms, first_token_ms, attempts, outcome)
        VALUES (@id, @created_at, @user_id, @session_id, @agent, @provider, @model, @input_tokens, @output_tokens, @cached_tokens,
            @reasoning_tokens, @is_estimated, @cost_nanos, @duration_ms, @first_token_ms, @attempts, @outcome)
        """;

    // Full = the database can not keep up: calls then end later, and nothing is lost.
    private readonly Channel<Pending> _queue = Channel.CreateBounded<Pending>(
        new BoundedChannelOptions(4096) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait }
    );

    /// <summary>Returns when the row is committed. A row that can not be written is logged, and does not cost the user the answer.</summary>
    public async Task RecordAsync(UsageEntry entry)
    {
        try
        {
            var pending = new Pending(entry, new(TaskCreationOptions.RunContinuationsAsynchronously));
            if (_queue.Writer.TryWrite(pending) || await QueueAsync(pending))
                await pending.Written.Task;
            else
                await WriteAsync([pending]);
        }
        catch (DbException e)
        {
            NotWritten(e, entry.Id, entry.Model, entry.InputTokens, entry.OutputTokens);
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        // What is queued is still written; calls that end later write their row themselves.
        _queue.Writer.TryComplete();
        if (ExecuteTask is { } writing)
            await writing.WaitAsync(cancellationToken);
        await base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var batch = new List<Pending>(MostInBatch);
        // Ends when the queue is completed, not with the token: rows of finished calls must not be lost.
        while (await _queue.Reader.WaitToReadAsync(CancellationToken.None))
        {
            batch.Clear();
            while (batch.Count < MostInBatch && _queue.Reader.TryRead(out var pending))
                batch.Add(pending);
            try
            {
                await WriteAsync(batch);
                foreach (var pending in batch)
                    pending.Written.TrySetResult();
            }
            catch (Exception e)
            {
                // Each caller decides; the writer lives on.
                foreach (var pending in batch)
                    pending.Written.TrySetException(e);
            }
        }
    }

    private async Task<bool> QueueAsync(Pending pending)
    {
        try
        {
            await _queue.Writer.WriteAsync(pending);
            return true;
        }
        catch (ChannelClosedException)
        {
            return false;
        }
    }

    // EF would be loaded for nothing else at run time, and costs several times this statement.
    private async Task WriteAsync(IReadOnlyList<Pending> batch)
    {
        await using var connection = await database.OpenAsync(CancellationToken.None);
        await using var transaction = await connection.BeginTransactionAsync(CancellationToken.None);
        await using var command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = Insert;
        foreach (var (entry, _) in batch)
        {
            command.Parameters.Clear();
            Bind(command, entry);
            await command.ExecuteNonQueryAsync(CancellationToken.None);
        }
        await transaction.CommitAsync(CancellationToken.None);
    }

    private static void Bind(DbCommand command, UsageEntry entry)
    {
        Add("@id", entry.Id);
        Add("@created_at", entry.CreatedAt.ToUnixTimeMilliseconds());
        Add("@user_id", entry.UserId);
        Add("@session_id", entry.SessionId);
        Add("@agent", entry.Agent);
        Add("@provider", entry.Provider);
        Add("@model", entry.Model);
        Add("@input_tokens", entry.InputTokens);
        Add("@output_tokens", entry.OutputTokens);
        Add("@cached_tokens", entry.CachedTokens);
        Add("@reasoning_tokens", entry.ReasoningTokens);
        Add("@is_estimated", entry.IsEstimated);
        Add("@cost_nanos", entry.CostNanos);
        Add("@duration_ms", entry.DurationMs);
        Add("@first_token_ms", entry.FirstTokenMs);
        Add("@attempts", entry.Attempts);
        Add("@outcome", entry.Outcome);

        void Add(string name, object? value)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = name;
            parameter.Value = value ?? DBNull.Value;
            command.Parameters.Add(parameter);
        }
    }

    private sealed record Pending(UsageEntry Entry, TaskCompletionSource Written);

    [LoggerMessage(
        4006,
        LogLevel.Error,
        "Usage {UsageId} of model {Model} is not on record: {InputTokens} input and {OutputTokens} output tokens"
    )]
    private partial void NotWritten(Exception exception, Guid usageId, string model, long inputTokens, long outputTokens);
}
