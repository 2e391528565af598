import { allowedConcurrency, nextStep, type NextStep } from '../../lib/domain/delivery-schedule.ts'
import { chooseTarget } from '../../lib/domain/choose-target.ts'
import { createPace, type Pace } from '../../lib/domain/pace.ts'
import type { DueDelivery } from '../../lib/store/webhook-deliveries.ts'
import { attemptDelivery } from '../../lib/webhooks/attempt.ts'
import type { ActiveEndpoint } from './active-endpoints.ts'
import type { Alarm } from './alarm.ts'
import type { WebhookDependencies } from './dependencies.ts'
import type { DueReader } from './due-reader.ts'
import type { OutcomeWriter } from './outcome-writer.ts'

/** ms without anything due after which a dispatcher ends: an event that comes sooner costs Temporal nothing. */
const LINGER = 1_000
/** ms after which a dispatcher ends as soon as no request is under way, so that work spreads over workers again; */
const SLICE = 30_000
/** and ms after which it ends although there is always one. */
const LONGEST_SLICE = 90_000
/** Deliveries held ready for each request under way. */
const READY = 4

export interface DispatchRun {
  readonly endpointId: string
  readonly active: ActiveEndpoint
  readonly alarm: Alarm
  readonly reader: DueReader
  readonly writer: OutcomeWriter
  /** As stored when the run began. */
  readonly health: { readonly failures: number, readonly restUntil: Date | null }
  /** Whether no further attempt may start. */
  readonly stopped: () => boolean
  /** Ends the attempts under way when the worker's grace is over. */
  readonly calls: AbortSignal
}

/**
 * Delivers what is due at one endpoint until there is nothing for a while, the receiver wants to rest, the slice is over or the run is stopped.
 * All it began has been saved when it resolves; what was cut off by `calls` stays due. Rejects when an outcome could not be saved, or nothing can be signed.
 */
export async function dispatch ({ config, agent }: Pick<WebhookDependencies, 'config' | 'agent'>, run: DispatchRun): Promise<void> {
  const { endpointId, alarm, writer, calls } = run
  const held = new Set<string>()
  const underWay = new Set<Promise<void>>()
  let ready: DueDelivery[] = []
  let sending = 0
  let more = false
  let gone = false
  let failure: unknown = null
  let { failures } = run.health
  let restUntil = run.health.restUntil === null ? 0 : performance.now() + run.health.restUntil.getTime() - Date.now()
  let pace: Pace = createPace(null)
  let paceOf: number | null = null
  const begun = performance.now()
  let idleSince = begun

  const unsubscribe = run.reader.subscribe({
    endpointId,
    full: () => run.active.settings()?.endpoint.payload === 'full',
    room,
    held,
    offer (deliveries, isMore) {
      more = isMore
      for (const delivery of deliveries) held.add(delivery.id)
      ready.push(...deliveries)
      alarm.ring()
    },
    fail
  })
  try {
    for (;;) {
      const now = performance.now()
      const settings = failure === null ? run.active.settings() : null
      if (settings === null || settings.endpoint.status === 'disabled' || gone || run.stopped()) break
      const { endpoint } = settings
      if (paceOf !== endpoint.requestsPerSecond) {
        paceOf = endpoint.requestsPerSecond
        pace = createPace(paceOf)
      }
      const rest = restUntil - now
      const places = rest > 0 ? 0 : allowedConcurrency(endpoint.concurrency, failures)
      for (let free = places - sending; free > 0 && ready.length > 0 && pace.wait(now) === 0 && !writer.isFull(); free--) {
        pace.take(now)
        start(ready.shift()!)
      }
      if (more && room() > 0) {
        more = false
        run.reader.hint(endpointId)
      }
      if (underWay.size > 0 || ready.length > 0) idleSince = now
      if (underWay.size === 0 && (rest > LINGER || now - idleSince >= LINGER || now - begun >= SLICE)) break
      if (now - begun >= LONGEST_SLICE) break
      await alarm.wait(Math.max(1, Math.min(LINGER, rest > 0 ? rest : LINGER, ready.length > 0 ? pace.wait(now) || LINGER : LINGER)))
    }
  } finally {
    unsubscribe()
    ready = []
    await Promise.all(underWay)
  }
  if (failure !== null) throw failure

  /** Asked in packs: when less than half is left. */
  function room (): number {
    const settings = failure === null ? run.active.settings() : null
    if (settings === null || restUntil > performance.now()) return 0
    const wanted = READY * allowedConcurrency(settings.endpoint.concurrency, failures)
    return ready.length > wanted / 2 ? 0 : wanted - ready.length
  }

  function fail (error: unknown): void {
    failure ??= error
    alarm.ring()
  }

  function start (delivery: DueDelivery): void {
    const work = deliver(delivery).catch(error => {
      // cut off by the end of the worker: nobody knows what the receiver got, so the attempt is made again
      if (!calls.aborted) fail(error)
    }).finally(() => {
      underWay.delete(work)
      run.reader.ended(delivery.id)
      held.delete(delivery.id)
      alarm.ring()
    })
    underWay.add(work)
  }

  async function deliver (delivery: DueDelivery): Promise<void> {
    const { endpoint, headers, secretsAt } = run.active.settings()!
    const url = chooseTarget(endpoint.targets, delivery.tried, delivery.id, delivery.round)
    sending += 1
    let next: NextStep
    let attempt
    try {
      const made = await attemptDelivery({ agent, deadline: config.webhooks.timeout }, {
        endpoint, secrets: secretsAt(Date.now()), headers, event: delivery.event, deliveryId: delivery.id, trigger: delivery.trigger, number: delivery.attempts + 1, url, signal: calls
      })
      attempt = made.attempt
      next = nextStep({
        verdict: { status: attempt.status, retryAfter: made.retryAfter },
        place: delivery,
        url,
        targets: endpoint.targets.map(target => target.url),
        schedule: config.webhooks.schedule,
        random: Math.random()
      })
      // at once, not only when it is saved
      gone ||= next.gone
      failures = next.state === 'delivered' ? 0 : failures + 1
      if (next.rest !== null) restUntil = Math.max(restUntil, performance.now() + next.rest)
    } finally {
      sending -= 1
      alarm.ring()
    }
    await writer.save({ endpointId, attempt, next })
  }
}
