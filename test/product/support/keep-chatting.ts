import { chat, type Chatted } from './gateway.ts'

export interface Chatting {
  readonly seen: readonly Chatted[]
  /** Resolves with all that was seen when the last chat has ended. */
  readonly stop: () => Promise<readonly Chatted[]>
}

/** Chats one after the other until told to stop, every second one as a stream. `pause` goes between two of them. */
export function keepChatting (url: string, key: string, pause: () => Promise<void> = async () => {}): Chatting {
  const seen: Chatted[] = []
  let over = false
  const done = (async () => {
    // eslint-disable-next-line no-unmodified-loop-condition -- stop() ends it
    while (!over) {
      seen.push(await chat(url, key, { stream: seen.length % 2 === 1, body: { max_tokens: 60 } }))
      await pause()
    }
  })()
  return {
    seen,
    async stop () {
      over = true
      await done
      return seen
    }
  }
}

/** How often each outcome was seen: `200 complete`, `200 broken`, `503 unavailable`. */
export function outcomes (seen: readonly Chatted[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { status, code, complete } of seen) {
    const what = `${status} ${code ?? (complete ? 'complete' : 'broken')}`
    counts[what] = (counts[what] ?? 0) + 1
  }
  return counts
}
