using CodeLab.BuildingBlocks.Results;
using CodeLab.Protocol.Rest;
using MediatR;

namespace CodeLab.Modules.Agent.Sessions;

/// <summary>A session as JSON Lines, read from its log as the reader goes on; nothing of it is held.</summary>
/// <param name="FileName">Name for a file, ASCII.</param>
/// <param name="Lines">UTF-8 lines, each with its line feed: a <see cref="SessionExportHeader"/>, then the events.</param>
public sealed record SessionExport(string FileName, IAsyncEnumerable<ReadOnlyMemory<byte>> Lines);

/// <summary>
/// Exports a session. For its owners: the log also holds what was cleared from the conversation. <c>SESSION_NOT_FOUND</c> (404),
/// <c>PERMISSION_DENIED</c> (403).
/// </summary>
public sealed record ExportSessionQuery(SessionCaller Caller, string SessionId) : IRequest<Result<SessionExport>>;

/// <summary>
/// Makes a session of an exported one: under a new id, owned by the caller, idle. What the file says is checked event by event; rights that
/// were given in the other session do not come along, and nothing in it is carried out. <c>INVALID_EXPORT</c> (400) names the line;
/// <c>EXPORT_TOO_LARGE</c> (413); <c>IMPORT_BUSY</c> (503).
/// </summary>
/// <param name="Caller">Who; becomes the owner.</param>
/// <param name="Lines">The file, read once and not closed.</param>
public sealed record ImportSessionCommand(SessionCaller Caller, Stream Lines) : IRequest<Result<SessionInfo>>;

/// <summary>
/// Makes a session that shares the events of another up to one of them, owned by the caller, idle: calls that were open there are closed
/// here. For owners of the session, as an export. <c>INVALID_SEQ</c> (400) for an event that is not there.
/// </summary>
/// <param name="Caller">Who; becomes the owner of the fork.</param>
/// <param name="SessionId">The session to fork.</param>
/// <param name="AtSeq">The last shared event, from 1; null = the newest.</param>
/// <param name="Title">Title of the fork; null = that of the session.</param>
public sealed record ForkSessionCommand(SessionCaller Caller, string SessionId, long? AtSeq, string? Title) : IRequest<Result<SessionInfo>>;
