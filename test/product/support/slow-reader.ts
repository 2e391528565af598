import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Product } from '../../support/product.ts'
import { until } from './gateway.ts'

/** Bytes that a flood has: more than the sockets' buffers between two processes of one machine may ever hold. */
export const floodBytes = 48 * 1024 * 1024
export const flood = `[[sim:flood bytes=${floodBytes}]]`
/** An api that is to pass a flood on. */
export const floodEnvironment = { SIRA_MAX_ANSWER_BYTES: String(2 * floodBytes) }
/** What an api may need for a flood that it does not hold: buffers, and garbage that is not collected yet. */
export const mostGrowth = floodBytes / 2

/** Bytes of memory that a process of the stack holds now. */
export function memoryOf ({ stack }: Product, name = 'api'): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${stack.pid(name)}/status`, 'utf8'))
  return Number(line![1]) * 1024
}

/** Calls of the simulator with that prefix that are not over. */
export const runningCalls = ({ simulator }: Product, prefix = ''): number => simulator.calls({ prefix }).filter(({ finished_ms: end }) => end === null).length

/**
 * Lets a reader read nothing for twice as long as a reader of the same flood took for all of it, and says what
 * happened meanwhile: whether the provider could send everything, and by how many bytes the api has grown at most.
 */
export async function watchStalled (product: Product, before: number, tookWhole: number): Promise<{ running: number, growth: number }> {
  await until('the flood has begun', 10_000, async () => runningCalls(product), count => count > 0)
  const end = performance.now() + 2 * tookWhole
  let most = 0
  while (performance.now() < end) {
    most = Math.max(most, memoryOf(product))
    await sleep(50)
  }
  return { running: runningCalls(product), growth: most - before }
}

/** Counts how often the most frequent content came: a flood repeats one event. */
export function countRepeated (contents: Iterable<string>): number {
  const counts = new Map<string, number>()
  for (const content of contents) counts.set(content, (counts.get(content) ?? 0) + 1)
  return Math.max(...counts.values())
}
