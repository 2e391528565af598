import { isFaultKind, makeFault } from './faults.ts'
import type { FaultRule } from './faults.ts'
import { longestLatency } from './latency.ts'
import type { LatencySpec } from './latency.ts'
import type { Limits } from './limits.ts'
import { models } from './models.ts'

/** What can be changed while it runs. */
export interface Settings {
  readonly seed: number
  /** null = each model's own. */
  readonly latency: LatencySpec | null
  /** By model; wins over `latency`. */
  readonly latencies: Readonly<Record<string, LatencySpec>>
  /** ms between the pieces of a stream; null = each model's own. */
  readonly streamInterval: number | null
  readonly limits: Limits
}

/** A fault rule as people write it. */
export type FaultRuleInput = { readonly kind: string, readonly rate: number, readonly model?: string } & Readonly<Record<string, string | number>>

export type SettingsInput = Partial<Omit<Settings, 'limits'> & { readonly limits: Partial<Limits> }>

export interface StartOptions extends SettingsInput {
  readonly host?: string
  readonly port?: number
  readonly faults?: readonly FaultRuleInput[]
  /** Calls kept in memory. */
  readonly logCapacity?: number
  /** Path; every finished call is appended as a JSON line. */
  readonly logFile?: string
}

export const defaultSettings: Settings = {
  seed: 1,
  latency: null,
  latencies: {},
  streamInterval: null,
  limits: { maxInFlight: null, requestsPerMinute: null, tokensPerMinute: null }
}

/** The settings with what `input` changes. Throws an Error that names the option that is wrong. */
export function readSettings (input: unknown, current: Settings): Settings {
  const given = objectOf(input, 'options')
  refuseOthers(given, Object.keys(defaultSettings), 'option')
  return {
    seed: given['seed'] === undefined ? current.seed : numberIn(given['seed'], 'seed', -(2 ** 31), 2 ** 31),
    latency: given['latency'] === undefined ? current.latency : orNull(given['latency'], value => readLatency(value, 'latency')),
    latencies: given['latencies'] === undefined ? current.latencies : readLatencies(given['latencies']),
    streamInterval: given['streamInterval'] === undefined
      ? current.streamInterval
      : orNull(given['streamInterval'], value => numberIn(value, 'streamInterval', 0, longestLatency)),
    limits: given['limits'] === undefined ? current.limits : readLimits(given['limits'], current.limits)
  }
}

/** Throws an Error that names the rule that is wrong. */
export function readFaultRules (input: unknown): FaultRule[] {
  if (!Array.isArray(input) || input.length > 100) throw new Error('faults must be a list of at most 100 rules.')
  return input.map(entry => {
    const { kind, rate, model, ...parameters } = objectOf(entry, 'fault')
    if (!isFaultKind(kind)) throw new Error(`Unknown fault: ${String(kind)}`)
    if (model !== undefined && !models.has(String(model))) throw new Error(`Unknown model: ${String(model)}`)
    for (const [name, value] of Object.entries(parameters)) numberIn(value, name, 0, Infinity)
    return {
      ...makeFault(kind, parameters as Record<string, number>),
      rate: numberIn(rate, 'rate', 0, 1),
      model: model === undefined ? null : String(model)
    }
  })
}

function readLatency (value: unknown, name: string): LatencySpec {
  const ms = (field: unknown, fieldName: string): number => numberIn(field, `${name}.${fieldName}`, 0, longestLatency)
  if (typeof value === 'number') return numberIn(value, name, 0, longestLatency)
  const given = objectOf(value, name)
  const allow = (...fields: string[]): void => refuseOthers(given, ['kind', ...fields], `field of ${name}:`)
  switch (given['kind']) {
    case 'fixed':
      allow('ms')
      return { kind: 'fixed', ms: ms(given['ms'], 'ms') }
    case 'uniform':
      allow('min', 'max')
      return { kind: 'uniform', min: ms(given['min'], 'min'), max: ms(given['max'], 'max') }
    case 'exponential':
      allow('p50')
      return { kind: 'exponential', p50: ms(given['p50'], 'p50') }
    case 'lognormal':
      allow('p50', 'sigma')
      return { kind: 'lognormal', p50: ms(given['p50'], 'p50'), sigma: numberIn(given['sigma'], `${name}.sigma`, 0, 5) }
    default:
      throw new Error(`${name}.kind must be fixed, uniform, exponential or lognormal.`)
  }
}

function readLatencies (value: unknown): Record<string, LatencySpec> {
  const given = objectOf(value, 'latencies')
  refuseOthers(given, [...models.keys()], 'model')
  return Object.fromEntries(Object.entries(given).map(([model, spec]) => [model, readLatency(spec, `latencies.${model}`)]))
}

function readLimits (value: unknown, current: Limits): Limits {
  const given = objectOf(value, 'limits')
  refuseOthers(given, Object.keys(current), 'limit')
  const read = (name: keyof Limits): number | null =>
    given[name] === undefined ? current[name] : orNull(given[name], limit => numberIn(limit, `limits.${name}`, 1, 1e9))
  return { maxInFlight: read('maxInFlight'), requestsPerMinute: read('requestsPerMinute'), tokensPerMinute: read('tokensPerMinute') }
}

function objectOf (value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${name} must be an object.`)
  return value as Readonly<Record<string, unknown>>
}

function refuseOthers (given: Readonly<Record<string, unknown>>, known: readonly string[], what: string): void {
  for (const name of Object.keys(given)) if (!known.includes(name)) throw new Error(`Unknown ${what} ${name}`)
}

function numberIn (value: unknown, name: string, least: number, most: number): number {
  if (typeof value === 'number' && value >= least && value <= most) return value
  throw new Error(`${name} must be a number from ${least} to ${most}.`)
}

function orNull<T> (value: unknown, read: (value: unknown) => T): T | null {
  return value === null ? null : read(value)
}
