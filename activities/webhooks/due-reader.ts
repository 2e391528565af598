import type { Pool } from 'pg'
import { isOutage } from '../../lib/store/retry-outage.ts'
import { readDue, type DueDelivery } from '../../lib/store/webhook-deliveries.ts'

/** ms between two looks at what is due: how late a retry, or an event that another worker fanned out, may be. */
const LOOK_INTERVAL = 50

/** A dispatcher as the reader sees it. */
export interface DueSubscriber {
  readonly endpointId: string
  /** Whether the events' recorded data is needed. */
  readonly full: () => boolean
  /** Deliveries it can take now; 0 = none. */
  readonly room: () => number
  /** Those it has not ended yet, which are still due in Postgres. */
  readonly held: ReadonlySet<string>
  /** `more`: as many as were asked for, so there may be others; `hint` fetches them. */
  readonly offer: (deliveries: readonly DueDelivery[], more: boolean) => void
  /** The question itself is at fault; asking again would not help. */
  readonly fail: (error: unknown) => void
}

export interface DueReader {
  /** Begins to ask for it, at once and then regularly. Returns how to stop. */
  readonly subscribe: (subscriber: DueSubscriber) => () => void
  /** Something may be due, or room has become free, at an endpoint: looks at once if it is served here. */
  readonly hint: (endpointId: string) => void
  /** A delivery's outcome was saved: a look that was under way then may still show it as due. */
  readonly ended: (deliveryId: string) => void
}

/** One look for all dispatchers of the process, never two at once. */
export function createDueReader (pool: Pool, { ordered }: { ordered: boolean }): DueReader {
  const subscribers = new Map<string, DueSubscriber>()
  let hinted = new Set<string>()
  let endedMeanwhile = new Set<string>()
  let looking = false
  let timer: NodeJS.Timeout | null = null

  return {
    subscribe (subscriber) {
      subscribers.set(subscriber.endpointId, subscriber)
      hintAt(subscriber.endpointId)
      return () => { if (subscribers.get(subscriber.endpointId) === subscriber) subscribers.delete(subscriber.endpointId) }
    },
    hint: hintAt,
    ended (deliveryId) { if (looking) endedMeanwhile.add(deliveryId) }
  }

  function hintAt (endpointId: string): void {
    if (!subscribers.has(endpointId)) return
    if (hinted.size === 0 && !looking) setImmediate(lookAtHinted)
    hinted.add(endpointId)
  }

  function lookAtHinted (): void {
    if (!looking && hinted.size > 0) look([...hinted])
  }

  function lookAtAll (): void {
    timer = null
    if (looking) return // the look under way sets the timer when it ends
    look([...subscribers.keys()])
  }

  function look (endpointIds: readonly string[]): void {
    hinted = new Set()
    const questions = endpointIds.flatMap(endpointId => {
      const subscriber = subscribers.get(endpointId)
      const room = subscriber?.room() ?? 0
      return room === 0 ? [] : [{ endpointId, most: room + subscriber!.held.size, full: subscriber!.full() }]
    })
    if (questions.length === 0) {
      schedule()
      return
    }
    looking = true
    endedMeanwhile = new Set()
    readDue(pool, questions, { ordered }).then(due => {
      const found = new Map(questions.map(({ endpointId }) => [endpointId, [] as DueDelivery[]]))
      for (const delivery of due) found.get(delivery.endpointId)!.push(delivery)
      for (const { endpointId, most } of questions) {
        const subscriber = subscribers.get(endpointId)
        const deliveries = found.get(endpointId)!
        const fresh = deliveries.filter(delivery => !endedMeanwhile.has(delivery.id) && subscriber?.held.has(delivery.id) === false)
        if (fresh.length > 0) subscriber!.offer(fresh, deliveries.length === most)
      }
    }, (error: unknown) => {
      // an outage is reported and waited out elsewhere; the next look comes in any case
      if (!isOutage(error)) for (const { endpointId } of questions) subscribers.get(endpointId)?.fail(error)
    }).finally(() => {
      looking = false
      if (hinted.size > 0) setImmediate(lookAtHinted)
      schedule()
    })
  }

  function schedule (): void {
    if (subscribers.size > 0) timer ??= setTimeout(lookAtAll, LOOK_INTERVAL)
  }
}
