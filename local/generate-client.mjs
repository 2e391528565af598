// After every install: writes prisma/generated. The client that is generated talks to Postgres through JavaScript, so no
// engine is needed; the command still insists on one, and would download it. Any executable satisfies it.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { existsSync } from 'node:fs'

const root = join(import.meta.dirname, '..')
// An image may install packages before the sources are copied.
if (existsSync(join(root, 'prisma', 'schema.prisma'))) {
  const manifest = createRequire(import.meta.url).resolve('prisma/package.json')
  const result = spawnSync(process.execPath, [join(dirname(manifest), 'build', 'index.js'), 'generate'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    env: { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1', ...process.env }
  })
  if (result.status !== 0) {
    console.error(`prisma generate failed:\n${result.stdout}${result.stderr}`)
    process.exit(1)
  }
}
