import { setTimeout as delay } from 'node:timers/promises'
import { answerOf, startChild } from './child.ts'

/** What came at the receivers: by name, when each webhook-id came first (unix ms), and how many came again. */
export interface ReceiverReport { readonly received: ReadonlyMap<string, ReadonlyMap<string, number>>, readonly repeated: number }

export interface Receiver {
  readonly url: string
  readonly report: () => Promise<ReceiverReport>
  readonly forget: () => Promise<void>
  /** Resolves with the report once each of `names` has `count` ids. Throws after `seconds`. */
  readonly until: (names: readonly string[], count: number, seconds: number) => Promise<ReceiverReport>
  readonly stop: () => void
}

/** The receivers in a process of their own, which ends with this one. */
export async function startReceiver (): Promise<Receiver> {
  const child = startChild('webhook-receiver.ts')
  const [port] = await answerOf<[number]>(child)
  const ask = async (order: 'report' | 'forget'): Promise<ReceiverReport> => {
    child.send(order)
    return (await answerOf<[ReceiverReport]>(child))[0]
  }
  return {
    url: `http://127.0.0.1:${port}`,
    report: async () => await ask('report'),
    async forget () { await ask('forget') },
    async until (names, count, seconds) {
      const deadline = performance.now() + seconds * 1000
      for (;;) {
        const report = await ask('report')
        const missing = names.reduce((sum, name) => sum + count - (report.received.get(name)?.size ?? 0), 0)
        if (missing === 0) return report
        if (performance.now() > deadline) throw new Error(`${missing} deliveries are missing after ${seconds} s`)
        await delay(100) // a report is a copy of everything: seldom enough to cost little
      }
    },
    stop () { child.kill() }
  }
}
