import { isObject, parseObject } from '../json-object.ts'
import type { StreamSink } from '../types.ts'

/** What is looked for before an answer or a chunk is parsed. A quote inside a JSON string is escaped, so these are keys. */
const unlike = /"content"\s*:\s*\[|"finish_reason"\s*:\s*"model_length"/

/**
 * A chat answer or chunk, JSON text, of a vendor whose content is a list of parts while it thinks (Mistral), as others write it: texts
 * as `content`, thoughts as `reasoning_content` (vercel/ai #8072, symfony/ai #2422). Its word for an answer that filled the context
 * becomes `length` (Portkey #1200). Any other text is given back as it is.
 */
export function withoutContentParts (text: string): string {
  if (!unlike.test(text)) return text
  const parsed = parseObject(text)
  if (!Array.isArray(parsed?.choices)) return text
  return JSON.stringify({ ...parsed, choices: parsed.choices.map((choice: unknown) => isObject(choice) ? usualChoice(choice) : choice) })
}

/** The same for a stream on its way to `sink`. */
export function sinkWithoutContentParts (sink: StreamSink): StreamSink {
  return {
    events (events, resume, wire) {
      let changed = false
      const usual = events.map(event => {
        const data = withoutContentParts(event.data)
        changed ||= data !== event.data
        return data === event.data ? event : { ...event, data }
      })
      return changed ? sink.events(usual, resume, null) : sink.events(events, resume, wire)
    }
  }
}

function usualChoice (choice: Record<string, unknown>): Record<string, unknown> {
  const usual = { ...choice }
  if (isObject(choice.message)) usual.message = usualMessage(choice.message)
  if (isObject(choice.delta)) usual.delta = usualMessage(choice.delta)
  if (choice.finish_reason === 'model_length') usual.finish_reason = 'length'
  return usual
}

function usualMessage (message: Record<string, unknown>): Record<string, unknown> {
  if (!Array.isArray(message.content)) return message
  let content = ''
  let thought = ''
  for (const part of message.content as unknown[]) {
    if (!isObject(part)) continue
    if (part.type === 'text') content += textOf(part.text)
    else if (part.type === 'thinking') thought += textOf(part.thinking)
  }
  const saysNothing = content === '' && Array.isArray(message.tool_calls) && message.tool_calls.length > 0
  return { ...message, content: saysNothing ? null : content, ...(thought !== '' && { reasoning_content: thought }) }
}

/** A text, or texts in parts. */
function textOf (said: unknown): string {
  if (typeof said === 'string') return said
  return Array.isArray(said) ? said.map((part: unknown) => isObject(part) && typeof part.text === 'string' ? part.text : '').join('') : ''
}
