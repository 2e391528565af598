import type { UsageRecord } from '../contracts/usage.ts'
import type { Usage } from '../contracts/prices.ts'

/** Stands in the header of a segment; raised when the places below change their meaning. */
export const lineVersion = 1

const flagBits = { stream: 1, cached: 2, estimated: 4 } as const

/** Bits of column `flags`: 1 stream, 2 answered from the cache, 4 tokens are estimated. */
export function flagsOf (record: Pick<UsageRecord, 'stream' | 'cached' | 'estimated'>): number {
  return (record.stream ? flagBits.stream : 0) | (record.cached ? flagBits.cached : 0) | (record.estimated ? flagBits.estimated : 0)
}

/** One line with its line feed. An array, as names of fields would be half of it. JSON never contains a bare line feed. */
export function encodeRecord (record: UsageRecord): string {
  return JSON.stringify([
    record.id, record.createdAt, record.organizationId, record.projectId, record.keyId, record.endpoint, record.model, record.provider,
    record.deployment, record.endUser, record.status, record.errorCode, record.attempts, record.usage, record.cost, record.latencyMs,
    record.firstTokenMs, flagsOf(record)
  ]) + '\n'
}

type Places = [string, number, string, string, string, string, string, string | null, string | null, string | null, number, string | null, number, Usage,
  string | null, number, number | null, number]

/** The record of a line; null when the line is not one. What its fields hold is checked where they are stored. */
export function decodeRecord (line: string): UsageRecord | null {
  let places: Places
  try {
    places = JSON.parse(line) as Places
  } catch {
    return null // not JSON is the answer asked for
  }
  if (!Array.isArray(places) || places.length !== 18 || typeof places[0] !== 'string' || typeof places[1] !== 'number' || typeof places[13] !== 'object' || places[13] === null) return null
  const [id, createdAt, organizationId, projectId, keyId, endpoint, model, provider, deployment, endUser, status, errorCode, attempts, usage, cost, latencyMs,
    firstTokenMs, flags] = places
  return {
    id, createdAt, organizationId, projectId, keyId, endpoint, model, provider, deployment, endUser, status, errorCode, attempts, usage, cost, latencyMs, firstTokenMs,
    stream: (flags & flagBits.stream) !== 0,
    cached: (flags & flagBits.cached) !== 0,
    estimated: (flags & flagBits.estimated) !== 0
  }
}
