import type { JobListener, JobUpdate } from '../../../api/realtime/job-feed.ts'

export interface Collector<Item> {
  readonly items: Item[]
  add: (item: Item) => void
  /** Resolves when the condition holds, looking after each item. */
  until: (done: (items: readonly Item[]) => boolean) => Promise<void>
}

export function createCollector<Item> (): Collector<Item> {
  const items: Item[] = []
  let look = (): void => {}
  return {
    items,
    add (item) {
      items.push(item)
      look()
    },
    async until (done) {
      while (!done(items)) await new Promise<void>(resolve => { look = resolve })
    }
  }
}

export function listenWith (collector: Collector<JobUpdate | null>): JobListener {
  return update => {
    collector.add(update)
    return undefined
  }
}

/** The types of all events in the order they were told. */
export function eventTypes (updates: ReadonlyArray<JobUpdate | null>): string[] {
  return updates.flatMap(update => update?.events ?? []).map(event => event.type)
}
