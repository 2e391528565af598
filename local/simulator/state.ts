import { closeSync, openSync, writeSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { createAttempts } from './attempts.ts'
import type { Attempts } from './attempts.ts'
import type { FaultRule } from './faults.ts'
import { createLimiter } from './limits.ts'
import type { Limiter } from './limits.ts'
import { createCallLog } from './log.ts'
import type { CallLog } from './log.ts'
import { defaultSettings, readFaultRules, readSettings } from './options.ts'
import type { FaultRuleInput, Settings, SettingsInput, StartOptions } from './options.ts'

const defaultLogCapacity = 2_000_000

/** Everything one simulator knows; changed by calls and by the control endpoints. */
export interface State {
  settings: Settings
  limiter: Limiter
  rules: readonly FaultRule[]
  /** The rules as they were given, for reading back. */
  ruleInputs: readonly FaultRuleInput[]
  log: CallLog
  inFlight: number
  readonly attempts: Attempts
  /** performance.now() at the start. */
  readonly started: number
  /** Differs from start to start, so that ids of two runs do not collide. */
  readonly requestIdPrefix: string
  readonly logCapacity: number
  readonly appendToFile: ((line: string) => void) | null
  readonly closeFile: () => void
}

/** Throws an Error that names the option that is wrong. */
export function createState (options: StartOptions): State {
  const { host: _host, port: _port, faults = [], logCapacity = defaultLogCapacity, logFile, ...rest } = options
  if (!Number.isInteger(logCapacity) || logCapacity < 1) throw new Error('logCapacity must be a whole number from 1.')
  const settings = readSettings(rest, defaultSettings)
  const rules = readFaultRules(faults)
  const started = performance.now()
  const requestIdPrefix = `req_sim_${Date.now().toString(36)}${process.pid.toString(36)}_`
  // Written with a system call for each line: a killed process then loses none that it finished.
  const file = logFile === undefined ? null : openSync(logFile, 'a', 0o600)
  return {
    settings,
    limiter: createLimiter(settings.limits),
    rules,
    ruleInputs: faults,
    log: createCallLog(logCapacity, requestIdPrefix, performance.timeOrigin + started),
    inFlight: 0,
    attempts: createAttempts(),
    started,
    requestIdPrefix,
    logCapacity,
    appendToFile: file === null ? null : line => { writeSync(file, line) },
    closeFile: () => { if (file !== null) closeSync(file) }
  }
}

/** Throws an Error, and changes nothing, when an option is wrong. New limits start with full buckets. */
export function changeSettings (state: State, input: SettingsInput): void {
  const settings = readSettings(input, state.settings)
  if (settings.limits !== state.settings.limits) state.limiter = createLimiter(settings.limits)
  state.settings = settings
}

/** Throws an Error, and changes nothing, when a rule is wrong. */
export function changeFaults (state: State, input: readonly FaultRuleInput[]): void {
  state.rules = readFaultRules(input)
  state.ruleInputs = input
}

/** Forgets calls, faults and counts of bodies; settings stay, limits start afresh. */
export function resetState (state: State): void {
  state.log = createCallLog(state.logCapacity, state.requestIdPrefix, performance.timeOrigin + state.started)
  state.attempts.clear()
  state.limiter = createLimiter(state.settings.limits)
  changeFaults(state, [])
}
