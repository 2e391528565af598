// `node local/run.mjs start|test …`: plain JavaScript, because on a fresh clone there is nothing yet that could run TypeScript.
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'

const root = new URL('..', import.meta.url)
const needed = [20, 19]
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
  console.error(`Sira needs Node ${needed.join('.')} or newer; this is ${process.versions.node}.`)
  process.exit(1)
}
if (changedAt('node_modules/.package-lock.json') < changedAt('package-lock.json')) {
  console.error('Installing dependencies (npm ci); this is done once and usually takes under a minute…')
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root, stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32'
  })
  if (result.status !== 0) {
    console.error('npm ci failed. Run it by hand to see why.')
    process.exit(1)
  }
}

// Loaded here rather than in a child: then the process that the shell knows is the one that owns the stack.
const { register } = await import('tsx/esm/api')
register()
const [script] = process.argv.splice(2, 1)
await import(`./${script}.ts`)

/** 0 when there is no such file. */
function changedAt (path) {
  return statSync(new URL(path, root), { throwIfNoEntry: false })?.mtimeMs ?? 0
}
