import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { endProcess, startTime } from './processes.ts'

/** `stack.json`: what runs where. It holds keys, so its owner alone can read it. */
export interface StackFile {
  readonly apiUrl: string
  /** All api processes; the first is apiUrl. */
  readonly apiUrls: readonly string[]
  readonly apiKey: string
  readonly adminKey: string
  readonly databaseUrl: string
  readonly temporalAddress: string
  readonly temporalUiUrl: string | null
  readonly s3Endpoint: string
  readonly s3AccessKey: string
  readonly s3SecretKey: string
  readonly s3Bucket: string
  readonly simulatorUrl: string
  /** By name: postgres, temporal, s3, simulator, api, api-2 …, worker, worker-2 …; null while one is being restarted. */
  readonly pids: Readonly<Record<string, number | null>>
  /** The same processes by start time, which tells them from later ones with the same pid. */
  readonly started: Readonly<Record<string, string | null>>
}

export function writeStackFile (path: string, stack: Omit<StackFile, 'started'>): void {
  const started = Object.fromEntries(Object.entries(stack.pids).map(([name, pid]) => [name, pid === null ? null : startTime(pid)]))
  writeFileSync(`${path}.new`, JSON.stringify({ ...stack, started }, null, 2) + '\n', { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

export function readStackFile (path: string): StackFile | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as StackFile
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Ends what an earlier stack left behind when it and its guard were killed together. */
export async function endLeftovers (stack: StackFile): Promise<void> {
  await Promise.all(Object.entries(stack.pids).map(async ([name, pid]) => {
    if (pid === null || startTime(pid) === null || startTime(pid) !== stack.started[name]) return
    await endProcess(pid, name === 'postgres' ? 'SIGINT' : 'SIGTERM', 5000)
  }))
}
