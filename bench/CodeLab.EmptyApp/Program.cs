// The limit the host's start is measured against: the least ASP.NET Core app that answers /health.
var app = WebApplication.CreateBuilder(args).Build();
app.MapGet("/health", () => "ok");
app.Run();
