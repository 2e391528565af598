import type { Pool } from 'pg'
import type { Tenant } from '../../lib/contracts/jobs.ts'
import type { FeedEvent } from '../../lib/contracts/webhooks.ts'
import { SiraError } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import { readFeedPlaces, readFeedRanges, type FeedRange } from '../../lib/store/event-feed.ts'

/** Events behind the last update, and the place in the feed up to which there are no others. */
export interface FeedUpdate { readonly events: readonly FeedEvent[], readonly place: number }

/** Gets updates in the order of the feed, one at a time: while its promise is pending nothing comes, and then what follows. */
export type FeedListener = (update: FeedUpdate) => Promise<void> | undefined

export interface EventFeed {
  /** Tells the listener of every event of the project behind the place `after`. Throws `unavailable` when this process serves as many subscriptions as it can. */
  subscribe: (tenant: Tenant, after: number, listener: FeedListener) => () => void
  close: () => Promise<void>
}

/** `readAt`: ms, when its part of the feed was last read. */
interface Subscriber { place: number, busy: boolean, readAt: number, readonly listener: FeedListener }
interface Watched { readonly tenant: Tenant, readonly subscribers: Set<Subscriber>, last: number }
/** Subscribers of one project at the same place, who are told the same. */
interface Group { readonly project: Watched, readonly range: FeedRange, readonly subscribers: readonly Subscriber[] }

const MOST_SUBSCRIPTIONS = 20_000
/** ms between two looks at how far the feeds are. */
const LOOK_EVERY = 150
const LOOK_AFTER_FAILURE = 500
const EVENTS_PER_RANGE = 200
/** Stretches read at once. With the bound above it bounds what is in memory; who is far behind takes turns with who is not. */
const RANGES_PER_READ = 50

/**
 * Follows the feeds of the projects that someone in this process watches: one query for how far they are, one for what is new. The feed's
 * places are given under a lock and seen in their order (docs/decisions/0035-webhook-dispatchers.md), so a subscriber with a
 * place of its own misses nothing and is told nothing twice, in whichever process it goes on.
 */
export function createEventFeed ({ pool, log }: { pool: Pool, log: Pick<Logger, 'warn' | 'error'> }): EventFeed {
  const watched = new Map<string, Watched>()
  let subscriptions = 0
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> | null = null
  let soon = false
  let closed = false

  /** Looks at once, or when the look under way is over. */
  function hurry (): void {
    soon = true
    clearTimeout(timer)
    timer = undefined
    schedule(0)
  }

  function schedule (delay: number): void {
    if (timer !== undefined || looking !== null || closed || watched.size === 0) return
    timer = setTimeout(() => {
      timer = undefined
      soon = false
      looking = look().then(() => LOOK_EVERY, (error: unknown) => {
        log.warn({ err: error, projects: watched.size }, 'event feeds not read')
        return LOOK_AFTER_FAILURE
      }).then(wait => {
        looking = null
        schedule(soon && wait === LOOK_EVERY ? 0 : wait)
      })
    }, delay)
  }

  async function look (): Promise<void> {
    const projects = [...watched.values()]
    const places = await readFeedPlaces(pool, projects.map(project => project.tenant))
    projects.forEach((project, index) => { project.last = Math.max(project.last, places[index]!) })
    const behind = projects.flatMap(groupsBehind).toSorted((a, b) => a.subscribers[0]!.readAt - b.subscribers[0]!.readAt)
    const groups = behind.slice(0, RANGES_PER_READ)
    if (behind.length > groups.length) soon = true
    const events = await readFeedRanges(pool, groups.map(group => group.range), EVENTS_PER_RANGE)
    const now = performance.now()
    groups.forEach((group, index) => { tell(group, events[index]!, now) })
  }

  function groupsBehind (project: Watched): Group[] {
    const groups = new Map<number, Subscriber[]>()
    for (const subscriber of project.subscribers) {
      if (subscriber.busy || subscriber.place >= project.last) continue
      groups.set(subscriber.place, [...groups.get(subscriber.place) ?? [], subscriber])
    }
    return [...groups].map(([after, subscribers]) => ({ project, range: { tenant: project.tenant, after, upTo: project.last }, subscribers }))
  }

  function tell ({ project, range, subscribers }: Group, events: readonly FeedEvent[], now: number): void {
    const more = events.length === EVENTS_PER_RANGE
    if (more) soon = true
    const place = more ? events.at(-1)!.feedSeq : range.upTo
    for (const subscriber of subscribers) {
      if (!project.subscribers.has(subscriber)) continue
      subscriber.place = place
      subscriber.readAt = now
      hand(project, subscriber, { events, place })
    }
  }

  function hand (project: Watched, subscriber: Subscriber, update: FeedUpdate): void {
    try {
      const done = subscriber.listener(update)
      if (done === undefined) return
      subscriber.busy = true
      done.catch((error: Error) => { log.error({ err: error }, 'subscriber failed') }).finally(() => {
        subscriber.busy = false
        if (project.subscribers.has(subscriber) && subscriber.place < project.last) hurry()
      })
    } catch (error) {
      log.error({ err: error }, 'subscriber failed')
    }
  }

  return {
    subscribe (tenant, after, listener) {
      if (closed) throw new SiraError('draining')
      if (subscriptions >= MOST_SUBSCRIPTIONS) throw new SiraError('unavailable', { dependency: 'The event feed' }, { retryAfter: 5 })
      const key = `${tenant.organizationId} ${tenant.projectId}`
      const project = watched.get(key) ?? { tenant: { organizationId: tenant.organizationId, projectId: tenant.projectId }, subscribers: new Set(), last: 0 }
      const subscriber = { place: after, busy: false, readAt: 0, listener }
      watched.set(key, project)
      project.subscribers.add(subscriber)
      subscriptions++
      hurry()
      return () => {
        if (!project.subscribers.delete(subscriber)) return
        subscriptions--
        if (project.subscribers.size === 0 && watched.get(key) === project) watched.delete(key)
      }
    },
    async close () {
      closed = true
      clearTimeout(timer)
      await looking
      watched.clear()
    }
  }
}
