# The service alone: it works with a PostgreSQL elsewhere, named by ConnectionStrings__RecService.
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0.404-noble AS build
ARG TARGETARCH
WORKDIR /source

# What decides which packages are needed comes first, so that a change of code does not restore them again.
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY src/RecService.Engine/RecService.Engine.csproj src/RecService.Engine/
COPY src/RecService.Api/RecService.Api.csproj src/RecService.Api/
RUN dotnet restore src/RecService.Api --arch $TARGETARCH -p:PublishReadyToRun=true

COPY .editorconfig ./
COPY src/RecService.Engine/ src/RecService.Engine/
COPY src/RecService.Api/ src/RecService.Api/
RUN dotnet publish src/RecService.Api --configuration Release --arch $TARGETARCH --no-restore --no-self-contained \
    -p:PublishReadyToRun=true -p:PublishDocumentationFiles=false -p:UseAppHost=false --output /app

# Without a shell, a package manager or ICU, none of which the service uses.
FROM mcr.microsoft.com/dotnet/aspnet:10.0.15-noble-chiseled
ARG VERSION=0.1.0 REVISION=unknown
LABEL org.opencontainers.image.title="RecService" \
      org.opencontainers.image.description="Recommendations by factorization machines, over REST and PostgreSQL" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
WORKDIR /app
COPY --from=build /app ./
# Diagnostics would write a socket to /tmp, which a read-only container does not have; Kerberos, which connections would try first, is not in the image.
ENV ASPNETCORE_ENVIRONMENT=Production \
    ASPNETCORE_HTTP_PORTS=8080 \
    DOTNET_EnableDiagnostics=0 \
    PGGSSENCMODE=disable
EXPOSE 8080
USER $APP_UID
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --start-interval=1s --retries=3 CMD ["dotnet", "RecService.Api.dll", "healthcheck"]
ENTRYPOINT ["dotnet", "RecService.Api.dll"]
