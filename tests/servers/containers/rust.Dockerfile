# Replaces the image `rust:1.95-bookworm` if its registry cannot be reached: Debian, a C compiler, and this machine's
# toolchain.
FROM docker.io/library/debian:bookworm-slim
# It is built again for each release of Rust, from the packages that Debian then has.
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends cmake g++ gcc libc6-dev make >/dev/null \
    && rm -rf /var/lib/apt/lists/*
COPY rust /usr/local/rust
ENV CARGO_HOME=/usr/local/cargo
ENV PATH=/usr/local/rust/bin:/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
