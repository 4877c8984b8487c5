using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Llm.Admin;
using MediatR;

namespace CodeLab.Modules.Llm.Cache;

internal sealed class CacheAdmin(AnswerCache cache, IAuditTrail? audit = null)
    : IRequestHandler<ClearCacheCommand, long>,
        IRequestHandler<GetCacheStatsQuery, CacheStats>
{
    public async Task<long> Handle(ClearCacheCommand request, CancellationToken cancellationToken)
    {
        var count = await cache.ClearAsync(cancellationToken);
        if (audit is not null)
        {
            var cleared = new AuditEvent("cache.cleared")
            {
                Actor = request.Actor.UserId,
                Ip = request.Actor.Ip,
                UserAgent = request.Actor.UserAgent,
                Metadata = new Dictionary<string, object?> { ["answers"] = count },
            };
            await audit.AppendAsync(cleared, cancellationToken);
        }
        return count;
    }

    public Task<CacheStats> Handle(GetCacheStatsQuery request, CancellationToken cancellationToken)
    {
        var (count, bytes, hits, misses) = cache.Stats;
        var looked = hits + misses;
        return Task.FromResult(
            new CacheStats(
                count,
                looked == 0 ? 0 : Math.Round((double)hits / looked, 4),
                looked == 0 ? 0 : Math.Round((double)misses / looked, 4),
                Math.Round(bytes / 1048576.0, 3)
            )
        );
    }
}
