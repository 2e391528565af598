# One image for every process of Sira; the command says which. Secrets come from the environment, none is in the image.
FROM node:20.20.2-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json prisma.config.ts ./
COPY local/generate-client.mjs local/
COPY prisma prisma
# The database client is generated after the install, so prisma/ must be here.
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY lib lib
COPY api api
COPY worker worker
COPY activities activities
COPY workflows workflows
# Api and worker run compiled: the loader of TypeScript would cost each process about 100 MB.
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:20.20.2-bookworm-slim
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /app
# glibc keeps memory for each thread otherwise; Temporal's core has many
ENV NODE_ENV=production MALLOC_ARENA_MAX=2
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/prisma prisma
COPY --from=build /app/dist dist
COPY package.json tsconfig.json ./
COPY lib lib
COPY workflows workflows
COPY activities activities
COPY api api
COPY worker worker
COPY local local
RUN node --import tsx worker/bundle.ts /app/workflow-bundle.js
ENV SIRA_WORKFLOW_BUNDLE=/app/workflow-bundle.js
# Usage that Postgres does not have yet: a volume here outlives the container.
ENV SIRA_JOURNAL_DIR=/var/lib/sira/journal
RUN mkdir -p /var/lib/sira/journal && chown -R node:node /var/lib/sira
USER node
EXPOSE 8080
CMD ["node", "dist/api/server.js"]
