import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startService } from '../../local/services.ts'
import { engineVariable } from './engines.ts'

/** A worker process, ready. Resolves with what ends it: SIGTERM, and an error if it did not end well. */
export async function startTestWorker (environment: Readonly<Record<string, string>>): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'sira-worker-'))
  const worker = await startService({
    name: 'worker',
    program: 'dist/worker/main.js',
    env: { ...process.env, SIRA_WORKFLOW_BUNDLE: engineVariable('WORKFLOW_BUNDLE'), ...environment, LOG_LEVEL: 'info' },
    logFile: join(folder, 'worker.log'),
    isReady: async log => log.includes('worker ready'),
    stopDeadline: 30_000
  }, () => {})
  return async () => {
    await worker.stop()
    const { code, signal } = await worker.exited
    const log = await readFile(join(folder, 'worker.log'), 'utf8')
    await rm(folder, { recursive: true })
    if (code !== 0) throw new Error(`The worker ended with ${signal ?? code}:\n${log.slice(-4_000)}`)
  }
}
