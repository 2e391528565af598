import type { InputErrorCode } from '../contracts/batch-input.ts'

/** What is wrong with one row; the caller knows its line. */
export interface LineFault { readonly code: InputErrorCode, readonly message: string, readonly param: string | null }

/** Characters (UTF-16 units) of a custom_id, as OpenAI has it. */
export const maxCustomIdLength = 512
/** Longer names are not kept; no model or endpoint has one. */
export const maxNameLength = 256
/** Levels of objects and arrays in a body. JSON.parse takes any depth, JSON.stringify overflows its stack at a few thousand. */
export const maxBodyDepth = 128

export type JsonObject = Readonly<Record<string, unknown>>

export function isObject (value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether the text can be stored: Postgres takes neither NUL nor half a surrogate pair. */
export function isStorableText (text: string): boolean {
  return !/\0|\p{Surrogate}/u.test(text)
}

/** A url or model name that is worth counting; anything else is a fault of its line. */
export function isName (value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= maxNameLength && isStorableText(value)
}

/**
 * Checks what one row says about itself: {custom_id, method, url, body}. Returns the first fault, or null.
 * Left to others: custom_id is unique and url is the batch's and the model is known (they need more than the row).
 */
export function checkBatchLine (value: unknown): LineFault | null {
  if (!isObject(value)) return { code: 'invalid_json_line', message: 'A line must be a JSON object.', param: null }
  return checkCustomId(value.custom_id) ?? checkTarget(value.method, value.url) ?? checkBody(value.body)
}

function checkCustomId (customId: unknown): LineFault | null {
  if (customId === undefined || customId === null) return { code: 'missing_custom_id', message: 'custom_id is missing.', param: 'custom_id' }
  if (typeof customId === 'string' && customId.length > 0 && customId.length <= maxCustomIdLength && isStorableText(customId)) return null
  const message = `custom_id must be a string of 1 to ${maxCustomIdLength} characters, without NUL and unpaired surrogates.`
  return { code: 'invalid_custom_id', message, param: 'custom_id' }
}

function checkTarget (method: unknown, url: unknown): LineFault | null {
  if (method !== 'POST') return { code: 'invalid_method', message: 'method must be "POST".', param: 'method' }
  if (url === undefined || url === null) return { code: 'missing_url', message: 'url is missing.', param: 'url' }
  return isName(url) ? null : { code: 'invalid_url', message: 'url must be the endpoint of the batch.', param: 'url' }
}

function checkBody (body: unknown): LineFault | null {
  if (body === undefined || body === null) return { code: 'missing_body', message: 'body is missing.', param: 'body' }
  if (!isObject(body)) return { code: 'invalid_request', message: 'body must be a JSON object.', param: 'body' }
  const { model, stream } = body
  if (model === undefined || model === null || model === '') return { code: 'missing_model', message: 'body.model is missing.', param: 'body.model' }
  if (!isName(model)) return { code: 'model_not_found', message: 'body.model is not the name of a model.', param: 'body.model' }
  if (stream !== undefined && stream !== null && stream !== false) {
    return { code: 'stream_not_supported', message: 'A batch cannot stream: remove body.stream.', param: 'body.stream' }
  }
  if (!isDeeperThan(body, maxBodyDepth)) return null
  return { code: 'invalid_request', message: `body is nested deeper than ${maxBodyDepth} levels.`, param: 'body' }
}

/** Whether objects and arrays are nested in more than so many levels; looks no deeper than that. */
export function isDeeperThan (value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && isDeeperThan(item, levels - 1)) return true
    return false
  }
  for (const key in value) if (isDeeperThan((value as JsonObject)[key], levels - 1)) return true
  return false
}
