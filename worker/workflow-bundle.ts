import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleOption } from '@temporalio/worker'
import { sourceRoot } from '../lib/source-root.ts'

const workflowsPath = fileURLToPath(new URL('workflows/index.ts', sourceRoot))
/** ms */
const BUNDLE_TIMEOUT = 60_000

/** All that a workflow may import by value. */
const sources = [new URL('workflows/', sourceRoot), new URL('lib/domain/', sourceRoot)]

/**
 * The workflow code as one script. Bundling takes over a second, which a restarted worker does not have: with a file it
 * is done once per state of the sources (a first line with their hash tells), so a worker is up in half the time.
 */
export async function loadWorkflowBundle (file: string | null): Promise<WorkflowBundleOption> {
  if (file === null) return await bundle()
  if (await isStale(file)) await bundleApart(file)
  return { codePath: file }
}

/** Writes the bundle to a file, unless the file is up to date. */
export async function writeWorkflowBundle (file: string): Promise<void> {
  if (!await isStale(file)) return
  const { code } = await bundle()
  const temporary = `${file}.${process.pid}`
  await writeFile(temporary, await mark() + code)
  await rename(temporary, file) // workers that start together never read half a file
}

/** In a process of its own: the bundler leaves about 100 MB behind that a worker would carry for its whole life. */
async function bundleApart (file: string): Promise<void> {
  await promisify(execFile)(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('worker/bundle.ts', sourceRoot)), file], { timeout: BUNDLE_TIMEOUT })
}

async function bundle (): Promise<{ code: string }> {
  return await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') })
}

async function isStale (file: string): Promise<boolean> {
  const kept = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return !kept.startsWith(await mark())
}

/** The first line of a bundle: what it was made of. */
async function mark (): Promise<string> {
  return `// ${await hashSources()}\n`
}

async function hashSources (): Promise<string> {
  const { version } = createRequire(import.meta.url)('@temporalio/worker/package.json') as { version: string }
  const hash = createHash('sha256').update(version)
  for (const folder of sources) {
    for (const name of (await readdir(folder)).filter(name => name.endsWith('.ts')).sort()) {
      hash.update(`\n${name}\n`).update(await readFile(new URL(name, folder)))
    }
  }
  return hash.digest('hex')
}
