# Signet as a static binary in an empty image: no shell, no package manager, not root. Releases say --build-arg VERSION, REVISION and SOURCE
# (docs/releasing.md), which are labels then.
#
#   docker build -t signet .
#   docker run --rm -p 9400:9400 -v signet:/data signet        # a local trial at http://localhost:9400
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY kit/go/go.mod kit/go/go.sum kit/go/
COPY internal/oryx/go.mod internal/oryx/go.sum internal/oryx/
RUN go mod download
COPY . .
# The checkout's .git is not here, so the version is told.
ARG VERSION=""
ARG REVISION=""
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -o /out/signet \
      -ldflags "-s -w -buildid= -X signet/internal/release.version=$VERSION -X signet/internal/release.revision=$REVISION" ./cmd/signet && \
    mkdir /out/data && mkdir -p /out/root/tmp && chmod 1777 /out/root/tmp

FROM scratch
ARG VERSION=""
ARG REVISION=""
ARG SOURCE=""
LABEL org.opencontainers.image.title="Signet" \
      org.opencontainers.image.description="OAuth 2.1 and OpenID Connect server" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
# Authorities for TLS to Postgres.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/signet /signet
# /tmp: backups are made, fetched and tried there.
COPY --from=build /out/root/ /
# The SQLite database and the master key, when no Postgres is configured: keep this volume, and a copy of it.
COPY --from=build --chown=65532:65532 /out/data /data
VOLUME /data
USER 65532:65532
WORKDIR /
ENV SIGNET_SERVER_LISTEN=:9400
# 9401 (metrics) listens on the container's loopback unless SIGNET_SERVER_INTERNAL_LISTEN says otherwise.
EXPOSE 9400
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=4s --start-period=10s --retries=3 CMD ["/signet", "healthcheck"]
ENTRYPOINT ["/signet"]
CMD ["serve"]
