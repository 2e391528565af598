import { join } from 'node:path'
import { launch, type Process, waitUntilReady } from './launch.ts'

/** One of our own programs as a child process. */
export interface Service {
  readonly name: string
  /** Relative to the repository. */
  readonly program: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly logFile: string
  /** Given what the process has logged so far. */
  readonly isReady: (log: string) => Promise<boolean>
  /** ms from SIGTERM to SIGKILL. */
  readonly stopDeadline: number
}

/** Resolves when the service is ready; `launched` gets the process before that. */
export async function startService (service: Service, launched: (process: Process) => void): Promise<Process> {
  const { name, program, env, logFile, stopDeadline } = service
  const child = await launch({
    name, command: process.execPath, args: program.endsWith('.ts') ? ['--import', 'tsx', program] : [program], cwd: join(import.meta.dirname, '..'), env, logFile, stopDeadline
  })
  launched(child)
  await waitUntilReady(child, async () => service.isReady(child.log()))
  return child
}

/** Readiness of the api, whichever dependencies it asks. */
export async function answersReady (apiUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${apiUrl}/readyz`, { signal: AbortSignal.timeout(5000) })
    await response.body?.cancel()
    return response.ok
  } catch {
    return false // not listening yet
  }
}
