import { SiraError } from '../errors.ts'

/** A JSON object of which nothing is known yet. */
export type Fields = Readonly<Record<string, unknown>>

export function isFields (value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The error for a field whose value is wrong. `param` is its path in the caller's spelling: messages[3].content[0].type. */
export function invalid (param: string, reason: string): SiraError {
  return new SiraError('invalid_parameter', { param, reason }, { param })
}

export function missing (param: string): SiraError {
  return new SiraError('missing_parameter', { param }, { param })
}

/** The error for what the caller's dialect can say and chat completions cannot. */
export function unsupported (model: string, param: string, reason: string): SiraError {
  return new SiraError('unsupported_parameter', { model, param, reason }, { param })
}

export function readText (value: unknown, param: string): string {
  if (typeof value === 'string') return value
  throw wrongType(value, param, 'a string')
}

export function readFields (value: unknown, param: string): Fields {
  if (isFields(value)) return value
  throw wrongType(value, param, 'an object')
}

export function readList (value: unknown, param: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw wrongType(value, param, 'an array')
}

function wrongType (value: unknown, param: string, expected: string): SiraError {
  return value === undefined ? missing(param) : invalid(param, `it must be ${expected}.`)
}
