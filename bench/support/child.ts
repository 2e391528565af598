import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** In a program of a benchmark: listens on a free port and tells the parent where. It ends with its parent. */
export function serveChild (server: Server): void {
  process.once('disconnect', () => process.exit())
  server.listen(0, '127.0.0.1', 4096, () => { process.send!((server.address() as AddressInfo).port) })
}

/** Another program of the benchmark as a process that ends with this one. */
export function startChild (program: string, args: readonly string[] = []): ChildProcess {
  return fork(new URL(`../${program}`, import.meta.url), args, { execArgv: ['--import', 'tsx'], serialization: 'advanced' }) // JSON has no Infinity
}

/** Starts a program that calls serveChild. */
export async function startServer (program: string, args: readonly string[] = []): Promise<{ readonly url: string, readonly pid: number, stop: () => void }> {
  const child = startChild(program, args)
  const [port] = await answerOf<[number]>(child)
  return { url: `http://127.0.0.1:${port}`, pid: child.pid!, stop: () => { child.kill() } }
}

/** The next message of a process. Throws when it ends instead. */
export async function answerOf<T extends unknown[]> (child: ChildProcess): Promise<T> {
  const over = new AbortController()
  const exited = once(child, 'exit', over).then(([code]) => { throw new Error(`${child.spawnargs.at(-1)} ended with ${String(code)}`) })
  try {
    return await Promise.race([once(child, 'message', over), exited]) as T
  } finally {
    over.abort()
    await exited.catch(() => {})
  }
}
