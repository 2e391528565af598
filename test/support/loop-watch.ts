import { get } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import type { IncomingMessage } from 'node:http'

/** ms for which an event loop was held up longest: at work, and by the clock. rss: bytes. */
export interface Hold { readonly cpu: number, readonly wall: number, readonly rss: number }

export interface LoopWatch {
  /** For the environment of an api process: it then answers `longest`. */
  readonly env: Readonly<Record<string, string>>
  /** The longest hold since the last time that was asked. */
  readonly longest: () => Promise<Hold>
}

/** Watches the event loop of one api process, from within it. `folder`: for its socket. */
export function watchLoop (folder: string): LoopWatch {
  const socketPath = join(folder, 'loop')
  return {
    env: { NODE_OPTIONS: `--import=${new URL('loop-watch.mjs', import.meta.url).href}`, LOOP_WATCH_SOCKET: socketPath },
    longest: async () => await new Promise<Hold>((resolve, reject) => {
      get({ socketPath, agent: false }, (answer: IncomingMessage) => { json(answer).then(hold => { resolve(hold as Hold) }, reject) }).on('error', reject)
    })
  }
}
