import { readRequestId } from '../http-call.ts'
import type { HttpAnswer } from '../http-call.ts'
import { isObject } from '../json-object.ts'
import type { ProviderFailure } from '../types.ts'
import type { ReadError, Upstream } from '../upstream.ts'

/**
 * Errors as OpenAI and those who copied it tell them: {error: {...}}, {error: 'text'}, {object: 'error', ...} (vLLM),
 * {type: 'error', ...} (responses), {detail: 'text'} (FastAPI).
 */
export function readError (parsed: Readonly<Record<string, unknown>> | null): ReadError {
  const error = isObject(parsed?.error) ? parsed.error : parsed
  const { code, type } = error ?? {}
  return {
    code: typeof code === 'string' || typeof code === 'number' ? code : null,
    type: typeof type === 'string' && type !== 'error' ? type : null,
    message: text(error?.message) ?? text(parsed?.error) ?? text(parsed?.message) ?? text(parsed?.detail)
  }
}

/** Whether a 2xx answer or an event is an error. Responses and some chunks carry `error: null` when all is well. */
export function isError (parsed: Readonly<Record<string, unknown>>): boolean {
  const { error } = parsed
  return isObject(error) || (typeof error === 'string' && error !== '') || parsed.object === 'error' || parsed.type === 'error'
}

/**
 * The error of a chat that ended in one: a choice whose finish_reason is `error`, with the error in it (OpenRouter) or without a word
 * (Mistral). null = it did not.
 */
export function errorOfChoice ({ choices }: Readonly<Record<string, unknown>>): { readonly error: Record<string, unknown> } | null {
  if (!Array.isArray(choices)) return null
  const failed = (choices as unknown[]).find(choice => isObject(choice) && choice.finish_reason === 'error') as Record<string, unknown> | undefined
  return failed === undefined ? null : { error: isObject(failed.error) ? failed.error : {} }
}

/** The failure that an error inside a 2xx is. */
export function errorInside (upstream: Upstream, parsed: Record<string, unknown>, answer: HttpAnswer | null): ProviderFailure {
  return upstream.failure(readError(parsed), answer?.statusCode ?? 200, {
    requestId: answer === null ? null : readRequestId(answer.headers),
    // written anew, so that no escape sequence hides a key from the scrubbing
    body: JSON.stringify(parsed)
  })
}

function text (value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}
