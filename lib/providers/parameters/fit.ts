import type { ChatRequest } from '../../contracts/chat.ts'
import { SiraError } from '../../errors.ts'
import type { VendorKind } from '../vendors.ts'
import { fitMessages } from './fit-messages.ts'
import { toTools } from './legacy-functions.ts'
import { isNeutral, openaiRanges, wordOf } from './rule.ts'
import type { ParameterName, Rule } from './rule.ts'
import { actingRules } from './rule-table.ts'

export interface FittedParameters {
  readonly body: ChatRequest
  /** false = it is the object that was given. */
  readonly changed: boolean
  /** Parameters that were left out although they asked for something, in whole or in part. */
  readonly dropped: readonly string[]
}

type Body = Readonly<Record<string, unknown>>

/** What becomes of one parameter. */
interface Fitted {
  readonly value: unknown
  /** Where not its own. */
  readonly name?: string
  /** Why it cannot be done; null = it can. */
  readonly reason: string | null
}

const leftOut: Fitted = { value: undefined, reason: null }
const none: readonly string[] = []

/**
 * A chat request with the parameters that a target takes, and its conversation in the target's words. What it cannot do is refused with
 * SiraError `unsupported_parameter`, or left out and named, whichever `unsupported` says; a parameter at its neutral value is never
 * refused. SiraError `invalid_parameter` when a number that has to be fitted into a range is none, or out of OpenAI's own.
 */
export function fitParameters (kind: VendorKind, upstream: string, body: ChatRequest, unsupported: 'refuse' | 'drop'): FittedParameters {
  const rules = actingRules(kind, upstream)
  let result: Record<string, unknown> | null = null
  let dropped: string[] | null = null
  let legacy = false
  for (const name in body) {
    const rule = rules.get(name)
    if (rule === undefined) continue
    if (name === 'functions' || name === 'function_call') {
      legacy = true
      continue
    }
    const fitted = fitOne(name as ParameterName, rule, body)
    if (fitted === null) continue
    if (fitted.reason !== null) {
      if (unsupported === 'refuse') throw new SiraError('unsupported_parameter', { model: String(body.model), param: name, reason: fitted.reason })
      dropped ??= []
      dropped.push(name)
    }
    result ??= { ...body }
    if (fitted.value === undefined || fitted.name !== undefined) delete result[name]
    if (fitted.value !== undefined) result[fitted.name ?? name] = fitted.value
  }
  if (legacy) result = toTools(result ?? body)
  const messages = (result ?? body).messages
  const fittedMessages = Array.isArray(messages) ? fitMessages(kind, messages) : messages
  if (fittedMessages !== messages) result = { ...(result ?? body), messages: fittedMessages }
  return result === null ? { body, changed: false, dropped: none } : { body: result as unknown as ChatRequest, changed: true, dropped: dropped ?? none }
}

/** null = it stays as it is. */
function fitOne (name: ParameterName, rule: Rule, body: Body): Fitted | null {
  const value = body[name]
  if (rule.support === 'ignored') return leftOut
  if (rule.support === 'unsupported') return isNeutral(name, value) ? leftOut : cannot(rule.note)
  if (value === null || value === undefined) return rule.support === 'renamed' || rule.convert !== undefined ? leftOut : null
  if (rule.support === 'renamed') return body[rule.as!] == null ? { value, name: rule.as!, reason: null } : leftOut
  if (rule.convert !== undefined) return { value: rule.convert(value, body), reason: null }
  if (rule.notWith !== undefined && !isNeutral(rule.notWith, body[rule.notWith])) return isNeutral(name, value) ? leftOut : cannot(rule.note)
  if (rule.values !== undefined && !rule.values.includes(wordOf(value) as string)) return isNeutral(name, value) ? leftOut : cannot(`only ${rule.values.join(', ')}.`)
  if (rule.most !== undefined && Array.isArray(value) && value.length > rule.most) return { value: value.slice(0, rule.most), reason: `at most ${rule.most}.` }
  if (rule.limit !== undefined) return limited(name, value, rule.limit)
  return rule.clamp === undefined ? null : clamped(name, value, rule.clamp)
}

function cannot (reason = 'the provider has no such parameter.'): Fitted {
  return { value: undefined, reason }
}

function limited (name: ParameterName, value: unknown, [least, most]: readonly [number, number]): Fitted | null {
  const number = checked(name, value)
  return number < least || number > most ? cannot(`only ${least} to ${most}.`) : null
}

function clamped (name: ParameterName, value: unknown, [least, most]: readonly [number, number]): Fitted | null {
  const number = checked(name, value)
  const nearest = Math.min(Math.max(number, least), most)
  return nearest === number ? null : { value: nearest, reason: null }
}

function checked (name: ParameterName, value: unknown): number {
  const [least, most] = openaiRanges[name] ?? [-Infinity, Infinity]
  if (typeof value === 'number' && value >= least && value <= most) return value
  throw new SiraError('invalid_parameter', { param: name, reason: `a number from ${least} to ${most} is needed.` })
}
