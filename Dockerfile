# Everything of MCPS in one image; what a container runs is its command. docs/installation.md.
#
#   docker build -t mcps .                      the authority, the gateway, mcps and mcps-wrap
#   docker build -t mcps-demo --target demo .   the same with the demo server, for trying it out
#
# For a build that can be repeated, pin both by digest: --build-arg BUILD_IMAGE=…@sha256:… --build-arg BASE_IMAGE=…
ARG BUILD_IMAGE=docker.io/library/rust:1.95-bookworm
ARG BASE_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY . .
# As it is shipped, and without what only tests use.
RUN cargo build --profile dist --locked \
        --bin mcps --bin mcps-authority --bin mcps-wrap --bin mcps-gateway --bin mcps-demo-server \
    && mkdir /out \
    && cp target/dist/mcps target/dist/mcps-authority target/dist/mcps-wrap target/dist/mcps-gateway \
        target/dist/mcps-demo-server /out/

FROM ${BASE_IMAGE} AS base
# A volume that is mounted for the first time has the owner and the mode of the folder that it is mounted over.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 mcps \
    && useradd --uid 10001 --gid mcps --no-create-home --home-dir /var/lib/mcps --shell /usr/sbin/nologin mcps \
    && install -d -o mcps -g mcps -m 0700 /var/lib/mcps /var/lib/mcps/authority /var/lib/mcps/home \
        /run/operator /homes /homes/server /homes/gateway /tokens /tokens/server /tokens/gateway \
        /tokens/alerts \
    && install -d -o mcps -g mcps -m 0755 /secrets /secrets/database /secrets/authority /secrets/shared
ENV HOME=/var/lib/mcps \
    MCPS_AUTHORITY_DATA_DIR=/var/lib/mcps/authority \
    MCPS_HOME=/var/lib/mcps/home
WORKDIR /var/lib/mcps
USER 10001:10001

FROM base AS demo
COPY --from=build /out/mcps /out/mcps-wrap /out/mcps-gateway /out/mcps-demo-server /usr/local/bin/
COPY install/first-run install/wrap-demo install/gateway-demo /usr/local/bin/
CMD ["wrap-demo"]

FROM base AS authority
COPY --from=build /out/mcps /out/mcps-authority /out/mcps-wrap /out/mcps-gateway /usr/local/bin/
EXPOSE 7300 7301
# No other program of the image speaks HTTP.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7300 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
STOPSIGNAL SIGTERM
CMD ["mcps-authority", "serve", "--listen", "0.0.0.0:7300", "--metrics-listen", "0.0.0.0:7301", "--log-format", "json"]
