# Replaces the image `hashicorp/vault:1.21` if its registry cannot be reached: the same user, folders and program.
FROM docker.io/library/debian:bookworm-slim
RUN groupadd --system --gid 1000 vault \
    && useradd --system --uid 100 --gid vault --home-dir /vault vault \
    && mkdir -p /vault/config /vault/file /vault/logs \
    && chown -R vault:vault /vault
COPY vault /bin/vault
