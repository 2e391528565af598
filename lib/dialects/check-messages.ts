import { invalid, isFields, missing, readFields, readList, readText } from './faults.ts'

/** The field that each of OpenAI's content parts must have. Absent = no such part. */
const payloads: Readonly<Record<string, string>> = { text: 'text', image_url: 'image_url', input_audio: 'input_audio', file: 'file', refusal: 'refusal' }
/** Parts of OpenAI-compatible vendors (vLLM, Mistral), which go to them as they are. */
const vendorParts: ReadonlySet<string> = new Set(['video_url', 'audio_url', 'document_url', 'thinking', 'reference'])

/**
 * What a schema would need deep unions for, walked once over messages whose roles and types of content a schema has checked.
 * Throws SiraError `invalid_parameter` or `missing_parameter` with the path of the first fault. Refuses nothing that OpenAI takes:
 * what it says about order (a tool message follows its call) is left to the provider.
 */
export function checkMessages (messages: readonly unknown[]): void {
  for (let place = 0; place < messages.length; place++) {
    const message = messages[place]
    // Paths are text to be made, for nothing where nothing is wrong.
    if (!isPlain(message)) checkMessage(readFields(message, `messages[${place}]`), `messages[${place}]`)
  }
}

/** Text of a role that needs nothing else, which nearly every message is. */
function isPlain (message: unknown): boolean {
  if (!isFields(message) || message.role === 'tool' || message.tool_calls !== undefined) return false
  const { content } = message
  return typeof content === 'string' || (Array.isArray(content) && content.every((part: unknown) => isFields(part) && part.type === 'text' && typeof part.text === 'string'))
}

function checkMessage (message: Readonly<Record<string, unknown>>, path: string): void {
  const { role, content } = message
  if (Array.isArray(content)) content.forEach((part, place) => { checkPart(part, `${path}.content[${place}]`) })
  else if (typeof content !== 'string' && role !== 'assistant' && role !== 'function') throw content === null ? invalid(`${path}.content`, 'it must be a string or an array.') : missing(`${path}.content`)
  if (role === 'tool') readText(message.tool_call_id, `${path}.tool_call_id`)
  if (message.tool_calls !== undefined && message.tool_calls !== null) {
    readList(message.tool_calls, `${path}.tool_calls`).forEach((call, place) => { checkCall(call, `${path}.tool_calls[${place}]`) })
  }
}

function checkPart (value: unknown, path: string): void {
  const part = readFields(value, path)
  const type = readText(part.type, `${path}.type`)
  const payload = Object.hasOwn(payloads, type) ? payloads[type] : undefined
  if (payload === undefined) {
    if (vendorParts.has(type)) return
    throw invalid(`${path}.type`, `there is no content part of type ${JSON.stringify(type.slice(0, 64))}.`)
  }
  const param = `${path}.${payload}`
  if (type === 'text' || type === 'refusal') readText(part[payload], param)
  // Mistral takes the address itself in place of { url }.
  else if (type === 'input_audio') readText(readFields(part.input_audio, param).data, `${param}.data`)
  else if (type === 'file') readFields(part.file, param)
  // Mistral takes the address itself in place of { url }.
  else if (typeof part.image_url !== 'string') readText(readFields(part.image_url, param).url, `${param}.url`)
}

function checkCall (value: unknown, path: string): void {
  const call = readFields(value, path)
  readText(call.id, `${path}.id`)
  if (call.type === 'custom') {
    readText(readFields(call.custom, `${path}.custom`).name, `${path}.custom.name`)
    return
  }
  if (call.type !== undefined && call.type !== 'function') throw invalid(`${path}.type`, 'it must be "function" or "custom".')
  const called = readFields(call.function, `${path}.function`)
  readText(called.name, `${path}.function.name`)
  readText(called.arguments, `${path}.function.arguments`)
}
