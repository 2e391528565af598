import type { ServiceTier, Usage } from '../../contracts/prices.ts'
import { ownFailure } from '../failure-messages.ts'
import { isObject } from '../json-object.ts'
import type { StreamEvent, StreamSink } from '../types.ts'
import type { Upstream } from '../upstream.ts'
import { readTier, readUsage } from '../usage.ts'
import { errorInside, errorOfChoice } from './read-error.ts'
import { acceptWith, isWholeObject, parseEvent, throwError } from './stream-reader.ts'
import type { StreamReader } from './stream-reader.ts'

/** Usage that says something; a quote inside a JSON string is escaped, so this is a key. */
const toldUsage = /"usage"\s?:\s?[^\sn]/
const nullUsage = /,\s?"usage"\s?:\s?null/
const tierOfChunk = /"service_tier"\s?:\s?"(flex|priority|batch)"/

/**
 * Reads a stream of chat or completions. Ordinary chunks pass as they are, unparsed. Only `[DONE]` is the end: a stream that just
 * stops is cut, whatever its last chunk said (Portkey #1797). `showsUsage` = the client asked for usage, so chunks keep their `usage: null`.
 */
export function createChatReader (upstream: Upstream, sink: StreamSink, showsUsage: boolean): StreamReader {
  let done = false
  let first = true
  let tier: ServiceTier | null = null
  let usage: Usage | null = null
  /** The chunk that told the usage. */
  let told: Record<string, unknown> | null = null
  let usageEvent: string | null = null

  const read = (event: StreamEvent): StreamEvent | null => {
    const { data } = event
    if (data.startsWith('[DONE]')) {
      done = true
      return null
    }
    if (data === '') return null
    const suspect = throwError(upstream, event)
    if (suspect !== null) throwEnd(suspect)
    if (!isWholeObject(data)) throw ownFailure('answer_invalid', true)
    if (first) {
      first = false
      tier = readTier(tierOfChunk.exec(data)?.[1])
    }
    if (toldUsage.test(data)) return readTold(event)
    if (showsUsage) return unnamed(event)
    const shown = data.replace(nullUsage, '')
    return shown === data ? unnamed(event) : { name: null, data: shown }
  }

  /** A last chunk that says the answer failed; it may tell the usage too. */
  const throwEnd = (parsed: Record<string, unknown>): void => {
    const error = errorOfChoice(parsed)
    if (error === null) return
    usage = readUsage(parsed.usage, parsed.service_tier ?? tier) ?? usage
    throw errorInside(upstream, error, null)
  }

  const readTold = (event: StreamEvent): StreamEvent | null => {
    const parsed = parseEvent(event)
    if (!isObject(parsed.usage)) return unnamed(event)
    usage = readUsage(parsed.usage, parsed.service_tier ?? tier) ?? usage
    told = parsed
    if (!Array.isArray(parsed.choices) || parsed.choices.length === 0) {
      usageEvent = event.data
      return null
    }
    // Mistral and others tell it in the last chunk with content, some in every one
    usageEvent = null
    const { usage: _, ...chunk } = parsed
    return { name: null, data: JSON.stringify(showsUsage ? { ...chunk, usage: null } : chunk) }
  }

  return {
    accept: acceptWith(sink, read, () => done),
    isDone: () => done,
    outcome: () => ({ usage, usageEvent: usageEvent ?? (told === null ? null : JSON.stringify({ ...told, choices: [] })) })
  }
}

function unnamed (event: StreamEvent): StreamEvent {
  return event.name === null ? event : { name: null, data: event.data }
}
