import type { Usage } from '../../contracts/prices.ts'
import { ownFailure } from '../failure-messages.ts'
import { isObject } from '../json-object.ts'
import type { StreamEvent, StreamSink } from '../types.ts'
import type { Upstream } from '../upstream.ts'
import { readUsage } from '../usage.ts'
import { acceptWith, isWholeObject, parseEvent, throwError } from './stream-reader.ts'
import type { StreamReader } from './stream-reader.ts'

/** A response that failed is an answer like another: it has an id, a status and usage. */
const terminal = new Set(['response.completed', 'response.incomplete', 'response.failed'])

/** Reads a stream of responses: events pass with their names, the terminal one tells the usage, `error` is a failure. */
export function createResponsesReader (upstream: Upstream, sink: StreamSink): StreamReader {
  let done = false
  let usage: Usage | null = null

  const read = (event: StreamEvent): StreamEvent | null => {
    // some servers end with it, as chat does; without a terminal event before it the stream is cut all the same
    if (event.data === '' || event.data.startsWith('[DONE]')) return null
    const name = event.name ?? String(parseEvent(event).type)
    if (name === 'error') throwError(upstream, { name, data: event.data })
    if (!isWholeObject(event.data)) throw ownFailure('answer_invalid', true)
    if (terminal.has(name)) {
      const { response } = parseEvent(event)
      if (isObject(response)) usage = readUsage(response.usage, response.service_tier)
      done = true
    }
    return event.name === null ? { name, data: event.data } : event
  }

  return {
    accept: acceptWith(sink, read, () => done),
    isDone: () => done,
    outcome: () => ({ usage, usageEvent: null })
  }
}
