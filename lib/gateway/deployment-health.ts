import { abandoned, admits, answering, begun, closedBreaker, failed, succeeded, type Breaker } from '../domain/circuit-breaker.ts'
import { peakEwma, remembered } from '../domain/choose-deployment.ts'

/** What this process has seen of a deployment. */
export interface Health {
  readonly inFlight: number
  /** Expected ms of a whole call and to the first event of a stream; 0 = not seen yet, or too long ago. */
  readonly latency: { readonly unary: number, readonly stream: number }
  readonly breaker: Breaker
}

export type CallEnd =
  | { readonly kind: 'answered', readonly ms: number }
  /** An answer that shows the deployment works, but says nothing of its speed: a refusal of the request. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'failed', readonly retryAfter: number | null }
  | { readonly kind: 'abandoned' }

export interface DeploymentHealth {
  read: (deployment: string, now: number) => Health & { readonly admitted: boolean }
  /** Counts a call as in flight; the function it gives back ends it, once. */
  begin: (deployment: string, stream: boolean) => (end: CallEnd) => void
  /** The first event of a stream has come. */
  answering: (deployment: string) => void
  /** Of all that were ever called, for metrics. */
  all: () => Iterable<readonly [deployment: string, health: Health]>
}

interface Seen { readonly latency: number, readonly at: number }
interface Entry { inFlight: number, unary: Seen, stream: Seen, breaker: Breaker }

const unseen: Seen = { latency: 0, at: 0 }

/** Health lives in the process: what one sees of a provider may be its own network. Bounded by the deployments there are. */
export function createDeploymentHealth (clock: () => number = () => performance.now()): DeploymentHealth {
  const entries = new Map<string, Entry>()
  const entryOf = (deployment: string): Entry => {
    let entry = entries.get(deployment)
    if (entry === undefined) {
      entry = { inFlight: 0, unary: unseen, stream: unseen, breaker: closedBreaker }
      entries.set(deployment, entry)
    }
    return entry
  }

  return {
    read (deployment, now) {
      const entry = entries.get(deployment)
      if (entry === undefined) return { inFlight: 0, latency: { unary: 0, stream: 0 }, breaker: closedBreaker, admitted: true }
      const { inFlight, latency, breaker } = view(entry, now)
      return { inFlight, latency, breaker, admitted: admits(breaker, now) }
    },
    begin (deployment, stream) {
      const entry = entryOf(deployment)
      entry.inFlight += 1
      entry.breaker = begun(entry.breaker, clock())
      return end => {
        const now = clock()
        entry.inFlight -= 1
        if (end.kind === 'failed') entry.breaker = failed(entry.breaker, now, end.retryAfter)
        else if (end.kind === 'abandoned') entry.breaker = abandoned(entry.breaker)
        else entry.breaker = succeeded(entry.breaker)
        if (end.kind !== 'answered') return
        const kind = stream ? 'stream' : 'unary'
        entry[kind] = { latency: peakEwma(entry[kind].latency, end.ms, now - entry[kind].at), at: now }
      }
    },
    answering (deployment) {
      const entry = entryOf(deployment)
      entry.breaker = answering(entry.breaker)
    },
    * all () {
      const now = clock()
      for (const [deployment, entry] of entries) yield [deployment, view(entry, now)] as const
    }
  }
}

function view ({ inFlight, unary, stream, breaker }: Entry, now: number): Health {
  return { inFlight, latency: { unary: remembered(unary.latency, now - unary.at), stream: remembered(stream.latency, now - stream.at) }, breaker }
}
