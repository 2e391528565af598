import type { DeliveryPolicy } from './catalog-types.ts'
import { readDiscount } from './catalog-price.ts'
import { isName, nameNeeded } from './catalog-names.ts'
import { fault, readBoolean, readInteger, readList, readText, readWord } from './yaml-fields.ts'
import type { Field } from './yaml-fields.ts'

export const policyKeys = [
  'fallbacks', 'context_fallbacks', 'content_fallbacks', 'timeout_ms', 'idle_timeout_ms', 'max_attempts', 'retry_after_timeout', 'unsupported_parameters'
] as const
export const settingsKeys = [...policyKeys, 'context_window', 'max_output_tokens', 'batch_discount'] as const

export const defaultPolicy: DeliveryPolicy = {
  timeout: 600_000,
  idleTimeout: 60_000,
  maxAttempts: 3,
  retryAfterTimeout: false,
  fallbacks: [],
  contextFallbacks: [],
  contentFallbacks: [],
  unsupported: 'refuse'
}

/** What is said of a model beside where it is served. */
export interface ModelSettings {
  readonly policy: DeliveryPolicy
  readonly contextWindow: number | null
  readonly maxOutputTokens: number | null
  /** Taken off every price in a batch, in parts of 10^12. */
  readonly batchDiscount: bigint
}

type Keys<Name extends string> = Readonly<Partial<Record<Name, Field>>>

export function readSettings (keys: Keys<typeof settingsKeys[number]>): ModelSettings {
  return {
    policy: readPolicy(keys),
    contextWindow: readInteger(keys.context_window, 1, 2 ** 31 - 1) ?? null,
    maxOutputTokens: readInteger(keys.max_output_tokens, 1, 2 ** 31 - 1) ?? null,
    batchDiscount: readDiscount(keys.batch_discount)
  }
}

export function readPolicy (keys: Keys<typeof policyKeys[number]>): DeliveryPolicy {
  return {
    timeout: readInteger(keys.timeout_ms, 1, 86_400_000) ?? defaultPolicy.timeout,
    idleTimeout: readInteger(keys.idle_timeout_ms, 1, 3_600_000) ?? defaultPolicy.idleTimeout,
    maxAttempts: readInteger(keys.max_attempts, 1, 10) ?? defaultPolicy.maxAttempts,
    retryAfterTimeout: readBoolean(keys.retry_after_timeout) ?? defaultPolicy.retryAfterTimeout,
    fallbacks: readModels(keys.fallbacks),
    contextFallbacks: readModels(keys.context_fallbacks),
    contentFallbacks: readModels(keys.content_fallbacks),
    unsupported: readWord(keys.unsupported_parameters, ['refuse', 'drop']) ?? defaultPolicy.unsupported
  }
}

function readModels (field: Field | undefined): string[] {
  const entries = readList(field) ?? []
  if (entries.length > 10) fault(field!, 'at most 10 models are possible')
  const models = entries.flatMap(entry => readText(entry, isName, nameNeeded) ?? [])
  if (new Set(models).size < models.length) fault(field!, 'a model is named twice')
  return models
}
