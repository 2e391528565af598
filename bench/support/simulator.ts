import type { LoggedCall } from '../../local/simulator/log.ts'
import type { Bench } from './stack.ts'

/** Forgets all calls and answers every later one after `latency` ms. */
export async function resetSimulator ({ simulator }: Bench, latency: number): Promise<void> {
  await control(simulator.url, 'options', { latency: { kind: 'fixed', ms: latency }, limits: { maxInFlight: null, requestsPerMinute: null, tokensPerMinute: null } })
  await control(simulator.url, 'reset', {})
}

/** Throws unless the simulator answered exactly `rows` calls since the reset, none of them twice. Returns the most that were in flight. */
export async function checkCalls ({ simulator }: Bench, rows: number): Promise<number> {
  const response = await fetch(`${simulator.url}/_sim/stats`)
  const stats = await response.json() as { calls: number, in_flight_max: number, by_outcome: Record<string, number>, repeated: { calls: number } }
  if (stats.calls !== rows || stats.by_outcome.answered !== rows || stats.repeated.calls !== 0) {
    throw new Error(`${rows} calls were expected, the simulator saw ${JSON.stringify(stats)}`)
  }
  return stats.in_flight_max
}

/** When the n-th call since the reset reached the simulator (n from 1), or the first one of a batch: unix ms. */
export async function callTime ({ simulator }: Bench, { number = 1, batch = '' }: { number?: number, batch?: string }): Promise<number> {
  const response = await fetch(`${simulator.url}/_sim/calls?limit=1&after=${number - 1}&prefix=${batch}`)
  const text = await response.text()
  if (text === '') throw new Error(`The simulator has no call ${number} ${batch}`)
  return Date.parse((JSON.parse(text) as LoggedCall).time)
}

async function control (url: string, name: string, body: object): Promise<void> {
  const response = await fetch(`${url}/_sim/${name}`, { method: 'POST', body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`/_sim/${name}: ${await response.text()}`)
}
