import { responseObject } from '../../dialects/responses/index.ts'
import type { ResponseRecord } from '../../store/responses.ts'
import { unixNow } from './item-id.ts'

type State = Parameters<typeof responseObject>[1]
export type OpenRecord = Pick<ResponseRecord, 'id' | 'status' | 'request' | 'createdAt'>

/** A stored response that has no result: waiting, under way, cancelled or failed. */
export function openResponse (record: OpenRecord, changes: Partial<State> = {}): ReturnType<typeof responseObject> {
  const request = JSON.parse(record.request) as Record<string, unknown>
  const createdAt = Math.floor(record.createdAt.getTime() / 1000)
  return responseObject({ id: record.id, createdAt, request, now: unixNow }, { status: record.status as State['status'], ...changes })
}
