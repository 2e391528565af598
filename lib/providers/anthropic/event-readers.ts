import type { Usage } from '../../contracts/prices.ts'
import type { StreamEvent } from '../types.ts'
import { createChatStream } from './stream.ts'
import { mergeUsage, readMessageUsage } from './usage.ts'
import type { MessageEvent, MessageUsage } from './wire.ts'

/** What becomes of a stream's events, and what they told. */
export interface EventReader {
  /** Adds what the caller gets for an event to `out`. */
  read: (event: StreamEvent, parsed: MessageEvent, out: StreamEvent[]) => void
  readonly ended: boolean
  usage: () => Usage | null
  usageEvent: () => string | null
}

/** For callers that speak Anthropic's dialect: events go on as they came. */
export function createMessagesReader (): EventReader {
  let ended = false
  let told: MessageUsage | null = null
  return {
    get ended () { return ended },
    read (event, parsed, out) {
      if (parsed.type === 'message_start') told = parsed.message?.usage ?? null
      else if (parsed.type === 'message_delta') told = mergeUsage(told, parsed.usage)
      else if (parsed.type === 'message_stop') ended = true
      // Anthropic's SDK passes over events without a name
      out.push(event.name === null ? { name: parsed.type ?? null, data: event.data } : event)
    },
    usage: () => readMessageUsage(told),
    usageEvent: () => null
  }
}

/** For callers that speak OpenAI's chat; `created` in Unix seconds. */
export function createChatReader (created: number): EventReader {
  const stream = createChatStream(created)
  return {
    get ended () { return stream.ended },
    read (_event, parsed, out) {
      for (const chunk of stream.push(parsed)) out.push({ name: null, data: JSON.stringify(chunk) })
    },
    usage: stream.usage,
    usageEvent () {
      const chunk = stream.end()
      return chunk === null ? null : JSON.stringify(chunk)
    }
  }
}
