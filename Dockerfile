# syntax=docker/dockerfile:1
# Corridor in a container: docker build -t corridor .
# By itself it serves from its embedded database; deploy/compose.yaml and deploy/kubernetes have it on PostgreSQL.
# A build for production pins the digest too: --build-arg NODE_IMAGE=node:20.20.2-bookworm-slim@sha256:…
ARG NODE_IMAGE=node:20.20.2-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev
COPY prisma/migrations ./prisma/migrations
COPY policy-compiler ./policy-compiler
COPY policies ./policies
COPY docs/corridor.schema.json ./docs/corridor.schema.json
COPY LICENSE NOTICE ./

# scripts/stack/image.mjs lays out what this stage copies, so that it is run without containers too
FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="Corridor" \
      org.opencontainers.image.description="A policy-driven credential broker for software agents" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
# nothing is installed at run time, and whoever gets in finds no package manager
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn* /usr/local/bin/yarn* \
 && groupadd --gid 10001 corridor \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/corridor --shell /usr/sbin/nologin corridor \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/corridor \
 && printf '#!/bin/sh\nexec node /app/dist/cli.js "$@"\n' > /usr/local/bin/corridor \
 && chmod 0755 /usr/local/bin/corridor
COPY --from=build /app/package.json ./package.json
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/prisma/migrations ./prisma/migrations
COPY --from=build /app/policy-compiler ./policy-compiler
COPY --from=build /app/policies ./policies
COPY --from=build /app/docs/corridor.schema.json ./docs/corridor.schema.json
COPY --from=build /app/LICENSE /app/NOTICE ./
# all of it belongs to root; the process may write to its data directory and to /tmp, and the rest can be mounted read-only
ENV NODE_ENV=production \
    CORRIDOR_DATA_DIR=/var/lib/corridor
VOLUME /var/lib/corridor
USER 10001:10001
EXPOSE 8420
# by a script, since a slim image has no curl
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.CORRIDOR_PORT || 8420}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "--max-semi-space-size=64", "dist/main.js"]
