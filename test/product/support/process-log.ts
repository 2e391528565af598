import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Product } from '../../support/product.ts'

interface LogLine { readonly pid: number, readonly reqId?: string, readonly msg?: string }

/** What the processes behind one port of the stack have logged. */
export function readLog ({ stack }: Product, name = 'api'): LogLine[] {
  return readFileSync(join(stack.dataDir, 'logs', `${name}.log`), 'utf8').split('\n').filter(line => line.startsWith('{')).map(line => JSON.parse(line) as LogLine)
}

/** Which process served each request, by request id. */
export function servedBy (product: Product): Map<string, number> {
  return new Map(readLog(product).flatMap(({ pid, reqId }) => reqId === undefined ? [] : [[reqId, pid] as const]))
}
