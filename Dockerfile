# CodeLab in one container: builds the host, runs it as an unprivileged user, keeps everything under /data.
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY global.json Directory.Build.props Directory.Packages.props BannedSymbols.txt .editorconfig appsettings.json ./
COPY src/ src/
RUN dotnet restore src/CodeLab.Host -r linux-x64 --locked-mode \
 && dotnet publish src/CodeLab.Host -c Release -r linux-x64 --self-contained false --no-restore \
      -p:PublishReadyToRun=true -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0
# Git and shells are the developers' business: tools run on their machines, never here.
RUN apt-get update \
 && apt-get install -y --no-install-recommends curl \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin codelab \
 && install -d -o codelab -g codelab -m 0700 /data
WORKDIR /app
COPY --from=build /app ./
USER codelab
ENV ASPNETCORE_URLS=http://0.0.0.0:8000 \
    CodeLab__DataDirectory=/data \
    DOTNET_gcServer=0
EXPOSE 8000
VOLUME /data
# Shutdown takes up to 30 s: give `docker stop` 45.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD curl -fsS http://127.0.0.1:8000/health/ready || exit 1
ENTRYPOINT ["dotnet", "CodeLab.Host.dll"]
