import type { IncomingHttpHeaders } from 'node:http'
import { errorAnswer, invalidParameter } from '../error-answer.ts'
import type { ErrorAnswer } from '../error-answer.ts'
import type { Safety } from '../markers.ts'
import type { Model } from '../models.ts'
import type { Usage } from '../tokens.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** What an answer is made from besides the request's body. */
export interface AnswerContext {
  /** Unique to the call; becomes part of ids. */
  readonly id: string
  /** Unix seconds. */
  readonly created: number
  readonly seed: number
  readonly digest: number
  readonly model: Model
  readonly headers: IncomingHttpHeaders
  /** How many calls of tools a marker asks for. */
  readonly toolCalls: number
  /** What a marker says the content filter does; null = nothing. */
  readonly safety: Safety | null
  readonly stream: boolean
}

/** A 200 with one JSON text. */
interface WholeAnswer {
  readonly kind: 'whole'
  readonly usage: Usage | null
  readonly json: string
}

/** A 200 with server-sent events; each entry is one complete frame. */
interface StreamAnswer {
  readonly kind: 'stream'
  readonly usage: Usage | null
  readonly events: readonly string[]
}

export type Answer = WholeAnswer | StreamAnswer

export interface Refusal {
  readonly kind: 'refusal'
  readonly error: ErrorAnswer
}

/** How an endpoint turns a request into an answer. Pure. */
export type Answerer = (body: JsonObject, context: AnswerContext) => Answer | Refusal

export function refuse (param: string, message: string): Refusal {
  return { kind: 'refusal', error: invalidParameter(param, message) }
}

export function refuseMissing (param: string): Refusal {
  return {
    kind: 'refusal',
    error: errorAnswer({ status: 400, message: `Missing required parameter: '${param}'.`, param, code: 'missing_required_parameter' })
  }
}

/** A frame without an event name, as chat and completions use it. */
export function dataFrame (json: string): string {
  return `data: ${json}\n\n`
}

export const doneFrame = 'data: [DONE]\n\n'

/** A whole number from the body, or the default when it is absent or null; NaN when it is something else or out of range. */
export function wholeNumber (value: unknown, byDefault: number, least: number, most: number): number {
  if (value === undefined || value === null) return byDefault
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most ? value : NaN
}

/** JSON with what a request brought along. Escaped, the answer's characters are its bytes as in every other answer. */
export function asciiJson (value: unknown): string {
  return JSON.stringify(value).replace(/[\u0080-\uffff]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
