import type { Fields } from '../../../../lib/dialects/faults.ts'
import { createResponsesStream, type ResponseContext } from '../../../../lib/dialects/responses/index.ts'
import type { StreamEvent } from '../../../../lib/providers/types.ts'
import { usage } from '../_answers.ts'

/** A fresh context in which ids count up, so that two ways to the same answer give equal objects. */
export function contextOf (request: Fields = {}): ResponseContext {
  let made = 0
  return { id: 'resp_1', createdAt: 1_700_000_000, request: { model: 'public', input: 'hi', ...request }, newId: prefix => `${prefix}${++made}`, now: () => 1_700_000_009 }
}

export function streamed (chunks: readonly string[], request: Fields = {}): StreamEvent[] {
  const stream = createResponsesStream(contextOf(request))
  return [...chunks.flatMap(chunk => stream.push(chunk)), ...stream.end(usage)]
}

/** Events parsed. */
export function parsed (events: readonly StreamEvent[]): Array<Record<string, unknown> & { type: string }> {
  return events.map(({ data }) => JSON.parse(data) as Record<string, unknown> & { type: string })
}
