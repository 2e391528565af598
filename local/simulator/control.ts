import type { IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import { readBody } from './body.ts'
import { errorAnswer } from './error-answer.ts'
import type { CallQuery } from './log.ts'
import type { FaultRuleInput, SettingsInput } from './options.ts'
import { changeFaults, changeSettings, resetState } from './state.ts'
import type { State } from './state.ts'
import type { CallStats } from './totals.ts'

export interface SimulatorStats extends CallStats {
  /** CPU time of the process so far. */
  readonly cpu_us: { readonly user: number, readonly system: number }
  readonly rss_bytes: number
  readonly uptime_ms: number
}

const defaultPage = 1000
const largestPage = 50_000

export function readStats (state: State): SimulatorStats {
  return {
    ...state.log.stats(),
    cpu_us: process.cpuUsage(),
    rss_bytes: process.memoryUsage.rss(),
    uptime_ms: Math.round(performance.now() - state.started)
  }
}

/** Calls under /_sim/; they are not logged and know no faults. */
export function handleControl (state: State, request: IncomingMessage, response: ServerResponse, url: URL): void {
  readBody(request, bytes => {
    try {
      control(state, `${request.method} ${url.pathname}`, bytes, url.searchParams, response)
    } catch (error) {
      send(response, 400, errorAnswer({ status: 400, message: (error as Error).message, code: 'invalid_control' }).body)
    }
  })
}

function control (state: State, route: string, bytes: Buffer | null, query: URLSearchParams, response: ServerResponse): void {
  switch (route) {
    case 'GET /_sim/calls': {
      const { calls, hasMore } = state.log.find(readQuery(query))
      const lines = calls.map(call => JSON.stringify(call) + '\n').join('')
      return send(response, 200, lines, 'application/x-ndjson', ['x-sim-has-more', String(hasMore)])
    }
    case 'GET /_sim/stats':
      return sendValue(response, readStats(state))
    case 'POST /_sim/faults':
      changeFaults(state, (parse(bytes) as { faults: FaultRuleInput[] }).faults)
      return sendValue(response, { faults: state.ruleInputs })
    case 'GET /_sim/faults':
      return sendValue(response, { faults: state.ruleInputs })
    case 'POST /_sim/options':
      changeSettings(state, parse(bytes) as SettingsInput)
      return sendValue(response, state.settings)
    case 'GET /_sim/options':
      return sendValue(response, state.settings)
    case 'POST /_sim/reset':
      resetState(state)
      return sendValue(response, { reset: true })
    default:
      return send(response, 404, errorAnswer({ status: 404, message: `Unknown control call: ${route}.`, code: 'unknown_url' }).body)
  }
}

function readQuery (query: URLSearchParams): CallQuery {
  const whole = (name: string, byDefault: number, most: number): number => {
    const value = Number(query.get(name) ?? byDefault)
    if (Number.isInteger(value) && value >= 0 && value <= most) return value
    throw new Error(`${name} must be a whole number from 0 to ${most}.`)
  }
  return {
    after: whole('after', 0, Number.MAX_SAFE_INTEGER),
    limit: whole('limit', defaultPage, largestPage),
    prefix: query.get('prefix') ?? ''
  }
}

function parse (bytes: Buffer | null): unknown {
  const value: unknown = JSON.parse(bytes?.toString() ?? '')
  if (typeof value === 'object' && value !== null) return value
  throw new Error('Expected a JSON object.')
}

function sendValue (response: ServerResponse, value: unknown): void {
  send(response, 200, JSON.stringify(value))
}

function send (response: ServerResponse, status: number, body: string, contentType = 'application/json', further: readonly string[] = []): void {
  response.writeHead(status, ['content-type', contentType, 'content-length', String(Buffer.byteLength(body)), 'x-simulated', 'true', ...further])
  response.end(body)
}
