import { draw, purposes } from './random.ts'

const statusKinds = ['400', '401', '403', '404', '408', '409', '422', '429', '429-quota', '500', '502', '503', '504', '529'] as const
const wholeKinds = ['redirect', 'reset', 'hang', 'cut', 'malformed', 'drip', 'oversize'] as const
const streamKinds = ['unfinished', 'stream-error', 'flood'] as const

export type StatusKind = typeof statusKinds[number]
export type FaultKind = StatusKind | typeof wholeKinds[number] | typeof streamKinds[number]

export interface Fault {
  readonly kind: FaultKind
  /** Seconds for the Retry-After header; null sends none. */
  readonly retryAfter: number | null
  /** ms: how long a hang or a drip lasts. */
  readonly ms: number
  /** Size of an oversize answer; what a flood adds to the right one. */
  readonly bytes: number
}

/** A fault that a marker asks for; `times` null = for every call of this body. */
export interface MarkedFault extends Fault {
  readonly times: number | null
}

/** A fault that befalls a share of all calls, or of one model's. */
export interface FaultRule extends Fault {
  readonly rate: number
  readonly model: string | null
}

const defaultMs: { readonly [kind in FaultKind]?: number } = { hang: 600_000, drip: 10_000 }
const defaultBytes = 32 * 1024 * 1024
const mostBytes = 1024 * 1024 * 1024
const mostMs = 600_000

export function isFaultKind (text: unknown): text is FaultKind {
  return [...statusKinds, ...wholeKinds, ...streamKinds].some(kind => kind === text)
}

export function isStatusKind (kind: FaultKind): kind is StatusKind {
  return statusKinds.some(known => known === kind)
}

/** Faults that only make sense in a stream. */
export function needsStream (kind: FaultKind): boolean {
  return streamKinds.some(known => known === kind)
}

/** A fault from its parameters, as a marker or a rule spells them. Throws an Error that names what is wrong. */
export function makeFault (kind: FaultKind, parameters: Readonly<Record<string, number>>): Fault {
  for (const [name, value] of Object.entries(parameters)) {
    const suits = (name === 'retry-after' && isStatusKind(kind)) || (name === 'ms' && kind in defaultMs) || (name === 'bytes' && (kind === 'oversize' || kind === 'flood'))
    if (!suits) throw new Error(`The fault ${kind} has no parameter ${name}.`)
    const most = name === 'bytes' ? mostBytes : mostMs
    if (!(value >= 0 && value <= most)) throw new Error(`The parameter ${name} of ${kind} must be a number from 0 to ${most}.`)
  }
  return {
    kind,
    retryAfter: parameters['retry-after'] ?? null,
    ms: parameters['ms'] ?? defaultMs[kind] ?? 0,
    bytes: Math.round(parameters['bytes'] ?? defaultBytes)
  }
}

/** The fault that the markers have for the attempt-th call (from 1) of a body; they are worked off in order. */
export function markedFault (faults: readonly MarkedFault[], attempt: number): Fault | null {
  let left = attempt
  for (const fault of faults) {
    if (fault.times === null || left <= fault.times) return fault
    left -= fault.times
  }
  return null
}

/** The fault that the rules have for the attempt-th call of a body. Rates of several rules add up. */
export function drawnFault (
  rules: readonly FaultRule[], model: string, streaming: boolean, seed: number, digest: number, attempt: number
): Fault | null {
  const drawn = draw(seed, digest, purposes.fault, attempt)
  let sum = 0
  for (const rule of rules) {
    if ((rule.model !== null && rule.model !== model) || (needsStream(rule.kind) && !streaming)) continue
    sum += rule.rate
    if (drawn < sum) return rule
  }
  return null
}
