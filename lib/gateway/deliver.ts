import { setTimeout as sleep } from 'node:timers/promises'
import { SiraError } from '../errors.ts'
import { chooseDeployment } from '../domain/choose-deployment.ts'
import { retryDelay } from '../domain/retry-delay.ts'
import type { Catalog, DeploymentConfig, ModelConfig, ProviderConfig } from '../providers/catalog-types.ts'
import { failureMessages, ownFailure } from '../providers/failure-messages.ts'
import { ProviderFailure, type Endpoint, type Provider, type ProviderAnswer, type StreamEvent, type StreamOutcome } from '../providers/types.ts'
import { healthAfter, verdictOf, type Verdict } from './after-failure.ts'
import type { DeploymentHealth } from './deployment-health.ts'

/** Where an attempt goes. */
export interface Target {
  readonly model: ModelConfig
  readonly deployment: DeploymentConfig
  readonly provider: ProviderConfig
}

/** The request in the words of one target. */
export interface Prepared {
  readonly endpoint: Endpoint
  readonly body: string | Buffer
  readonly parsed?: Readonly<Record<string, unknown>> | undefined
  readonly wire?: Buffer | undefined
  readonly anthropicBeta?: string | undefined
}

export interface DeliveryRequest {
  readonly id: string
  readonly model: ModelConfig
  /** Models that this request may fall back to. */
  readonly allows: (model: string) => boolean
  /** Throws a SiraError when the target cannot do what is asked: another may. */
  readonly prepare: (target: Target) => Prepared | Promise<Prepared>
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal
  /** Monotonic ms by which the answer must have begun; an attempt also ends by its model's own timeout. */
  readonly deadline: number
  readonly maxAnswerBytes: number
  /** Takes the events of a stream; null = an answer as a whole. The target is the one that answers. */
  readonly sink: ((target: Target, events: readonly StreamEvent[], resume: () => void, wire?: string | null) => boolean) | null
}

export interface Delivered<Answer> {
  readonly target: Target
  readonly attempts: number
  readonly answer: Answer
}

/** No deployment gave an answer, or one broke off after it had begun. */
export class DeliveryFailure extends Error {
  readonly failure: ProviderFailure
  readonly target: Target
  readonly attempts: number
  /** Events had gone to the sink: the client has a part of the answer. */
  readonly begun: boolean

  constructor (failure: ProviderFailure, target: Target, attempts: number, begun: boolean) {
    super(failure.message, { cause: failure })
    this.name = 'DeliveryFailure'
    this.failure = failure
    this.target = target
    this.attempts = attempts
    this.begun = begun
  }
}

export interface DeliveryDependencies {
  readonly catalog: Catalog
  readonly providers: { get: (name: string) => Provider | undefined }
  readonly health: DeploymentHealth
  readonly random?: () => number
}

/**
 * The one owner of retries and fallbacks of a request: an attempt goes to the deployment that is best now; when it fails
 * before anything reached the client, to the next, to the same after a pause, or to a fallback model, as the failure says.
 * Throws DeliveryFailure with the last failure, or the SiraError of `prepare` when no deployment could take the request.
 */
export async function deliver (dependencies: DeliveryDependencies, request: DeliveryRequest): Promise<Delivered<ProviderAnswer | StreamOutcome>> {
  const { catalog, health, random = Math.random } = dependencies
  const { signal, deadline } = request
  const queue = [request.model]
  const seen = new Set([request.model.id])
  const { maxAttempts } = request.model.policy
  let attempts = 0
  let last: { failure: ProviderFailure, target: Target } | null = null
  let unfit: SiraError | null = null

  for (let model = queue.shift(); model !== undefined; model = queue.shift()) {
    const tried = new Set<number>()
    /** Places that may be tried once more, after the pause their failure asked for. */
    const again = new Map<number, number | null>()
    let next: Verdict = 'elsewhere'
    while (attempts < maxAttempts) {
      let place = choose(dependencies, model, request.sink !== null, tried, random)
      if (place === -1) {
        const pause = leastPause(again, attempts, random)
        if (pause === null || performance.now() + pause.ms >= deadline) break
        await sleep(pause.ms, undefined, { signal }).catch(() => {}) // aborted: seen below
        again.delete(pause.place)
        place = pause.place
      }
      tried.add(place)
      const target = targetOf(catalog, model, place)
      if (target === null) continue
      let prepared: Prepared
      try {
        const preparing = request.prepare(target)
        prepared = preparing instanceof Promise ? await preparing : preparing
      } catch (error) {
        if (!(error instanceof SiraError)) throw error
        unfit = error
        continue
      }
      if (signal.aborted) throw new DeliveryFailure(ownFailure('aborted', false, { cause: signal.reason }), target, attempts, false)
      attempts += 1
      let begun = false
      const finish = health.begin(target.deployment.id, request.sink !== null)
      const startedAt = performance.now()
      let firstEventAt = 0
      try {
        const answer = await attempt(dependencies, request, target, prepared, attempts, () => {
          begun = true
          firstEventAt = performance.now()
          health.answering(target.deployment.id)
        })
        finish({ kind: 'answered', ms: (firstEventAt || performance.now()) - startedAt })
        return { target, attempts, answer }
      } catch (error) {
        if (!(error instanceof ProviderFailure)) {
          finish({ kind: 'abandoned' })
          throw error
        }
        const { code, retryable, retryAfter } = error.class
        const kind = code === 'timeout' && isImpatient(request, model, startedAt) ? 'abandoned' : healthAfter(error)
        finish(kind === 'failed' ? { kind, retryAfter } : { kind })
        last = { failure: error, target }
        if (begun) throw new DeliveryFailure(error, target, attempts, true)
        next = verdictOf(code, retryable)
        if (next === 'again') again.set(place, retryAfter)
        if (next === 'refuse' || next === 'context' || next === 'content') break
        if (next === 'unknown' && !model.policy.retryAfterTimeout) break
        if (performance.now() >= deadline) break
      }
    }
    if (next === 'refuse' || (next === 'unknown' && !model.policy.retryAfterTimeout)) break
    const { contextFallbacks, contentFallbacks, fallbacks } = model.policy
    for (const id of next === 'context' ? contextFallbacks : next === 'content' ? contentFallbacks : fallbacks) {
      const fallback = catalog.models.get(id)
      if (fallback === undefined || seen.has(id) || !request.allows(id)) continue
      seen.add(id)
      queue.push(fallback)
    }
    if (attempts >= maxAttempts || performance.now() >= deadline) break
  }
  if (last !== null) throw new DeliveryFailure(last.failure, last.target, attempts, false)
  if (unfit !== null) throw unfit
  const target = targetOf(catalog, request.model, 0)
  if (target === null) throw new SiraError('model_not_found', { model: request.model.id }, { param: 'model' })
  // every circuit is open
  const now = performance.now()
  const retryAfter = Math.max(1, Math.min(...request.model.deployments.map(({ id }) => health.read(id, now).breaker.until - now)))
  const open = { code: 'overloaded', retryable: true, throttled: true, retryAfter } as const
  throw new DeliveryFailure(new ProviderFailure(failureMessages.overloaded, { class: open }), target, attempts, false)
}

/**
 * Whether a whole answer had less than half of the model's time, because the client says that it waits no longer: then it tells no more
 * of the deployment than a client that leaves. One that is always in a hurry would shut the model for all others.
 */
function isImpatient ({ sink, deadline }: DeliveryRequest, { policy }: ModelConfig, startedAt: number): boolean {
  return sink === null && deadline - startedAt < policy.timeout / 2
}

function attempt (
  { providers }: DeliveryDependencies, request: DeliveryRequest, target: Target, prepared: Prepared, number: number, onBegin: () => void
): Promise<ProviderAnswer | StreamOutcome> {
  const provider = providers.get(target.provider.name)!
  const { timeout, idleTimeout } = target.model.policy
  const { sink, signal, maxAnswerBytes } = request
  const { endpoint, body, parsed, wire, anthropicBeta } = prepared
  const clientRequestId = `${request.id}:${number}`
  if (sink === null) {
    // at least a moment: a deadline that is over was caught before
    const left = Math.max(1, Math.min(timeout, request.deadline - performance.now()))
    return provider.call({ endpoint, body, parsed, wire, anthropicBeta, clientRequestId, signal, timeout: left, maxAnswerBytes })
  }
  let begun = false
  return provider.stream({
    endpoint,
    body,
    parsed,
    wire,
    anthropicBeta,
    clientRequestId,
    signal,
    timeout,
    maxAnswerBytes,
    idleTimeout,
    sink: {
      events (events, resume, wire) {
        if (!begun) {
          begun = true
          onBegin()
        }
        return sink(target, events, resume, wire)
      }
    }
  })
}

function choose ({ health }: DeliveryDependencies, model: ModelConfig, stream: boolean, tried: ReadonlySet<number>, random: () => number): number {
  const { deployments } = model
  if (deployments.length === 1 && tried.size === 0) return health.read(deployments[0]!.id, performance.now()).admitted ? 0 : -1
  const now = performance.now()
  const candidates = deployments.map(({ id, weight, priority }) => {
    const { admitted, inFlight, latency } = health.read(id, now)
    return { weight, priority, admitted, inFlight, latency: stream ? latency.stream : latency.unary }
  })
  return chooseDeployment(candidates, place => tried.has(place), random)
}

function leastPause (again: ReadonlyMap<number, number | null>, attempts: number, random: () => number): { place: number, ms: number } | null {
  let best: { place: number, ms: number } | null = null
  for (const [place, retryAfter] of again) {
    const ms = retryDelay({ attempt: attempts, retryAfter, random: random() })
    if (best === null || ms < best.ms) best = { place, ms }
  }
  return best
}

/** null when the provider has just been taken out of the catalog. */
function targetOf (catalog: Catalog, model: ModelConfig, place: number): Target | null {
  const deployment = model.deployments[place]!
  const provider = catalog.providers.get(deployment.provider)
  return provider === undefined ? null : { model, deployment, provider }
}
