import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { waitForLock } from '../lock.ts'

export interface Binary {
  readonly name: string
  /** Without the leading v. */
  readonly version: string
  /** The folder with the go.mod that pins it. */
  readonly module: string
  readonly package: string
  /** How long a build usually takes, in words. */
  readonly usualTime: string
  /** The variable that points Sira to an engine of one's own. */
  readonly variable: string
  /** A download to try before building: resolves with the path of an executable inside `folder`, or null. */
  readonly download?: (folder: string) => Promise<string | null>
}

/** The path of an engine's executable: on PATH, in the user's cache, downloaded, or built with Go once. */
export async function acquire (binary: Binary, say: (message: string) => void = message => process.stderr.write(`${message}\n`)): Promise<string> {
  return findOnPath(binary.name) ?? await acquireCached(binary, engineCache(), say)
}

/** The same without PATH, in a given cache folder. */
export async function acquireCached (binary: Binary, cache: string, say: (message: string) => void): Promise<string> {
  const folder = join(cache, `${binary.name}-${binary.version}`)
  const path = join(folder, binary.name)
  if (existsSync(path)) return path
  mkdirSync(cache, { recursive: true })
  const unlock = await waitForLock(`${folder}.lock`, () => say(`Waiting for another start that is getting ${binary.name}…`))
  try {
    if (existsSync(path)) return path
    const fresh = `${folder}.${process.pid}`
    rmSync(fresh, { recursive: true, force: true })
    mkdirSync(fresh)
    try {
      const downloaded = await binary.download?.(fresh) ?? null
      if (downloaded !== null) renameSync(downloaded, join(fresh, binary.name))
      else await build(binary, join(fresh, binary.name), say)
      rmSync(folder, { recursive: true, force: true })
      renameSync(fresh, folder)
    } finally {
      rmSync(fresh, { recursive: true, force: true })
    }
    return path
  } finally {
    unlock()
  }
}

export function engineCache (): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sira', 'engines')
}

function findOnPath (name: string): string | null {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder === '') continue
    try {
      accessSync(join(folder, name), constants.X_OK)
      return join(folder, name)
    } catch {
      // not in this folder
    }
  }
  return null
}

async function build (binary: Binary, output: string, say: (message: string) => void): Promise<void> {
  const remedy = `Put ${binary.name} ${binary.version} or newer on PATH, or install Go (https://go.dev/dl) so that it can be built, or set ${binary.variable} to one of your own.`
  const started = performance.now()
  say(`Building ${binary.name} ${binary.version} with Go; this is done once and usually takes ${binary.usualTime}…`)
  const child = spawn('go', ['build', '-mod=readonly', '-trimpath', '-ldflags', '-s -w', '-o', output, binary.package], {
    cwd: binary.module, stdio: ['ignore', 'ignore', 'pipe']
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { log = (log + text).slice(-4000) })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', error => reject(new Error(`${binary.name} is not here and Go cannot be run (${error.message}). ${remedy}`, { cause: error })))
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`Building ${binary.name} failed. ${remedy}\n${log.trim()}`)
  say(`Built ${binary.name} in ${Math.round((performance.now() - started) / 1000)} s.`)
}
