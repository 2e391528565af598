import { ProviderFailure } from './types.ts'
import type { FailureClass } from './types.ts'
import type { Usage } from '../contracts/prices.ts'

/** The same failure with more known of it. */
export function changeFailure (failure: ProviderFailure, change: { readonly class?: FailureClass, readonly partialUsage?: Usage | null, readonly requestId?: string | null, readonly sent?: boolean }): ProviderFailure {
  const { message, statusCode, requestId, body, partialUsage, sent, cause } = failure
  return new ProviderFailure(message, { class: failure.class, statusCode, requestId, body, partialUsage, sent, cause, ...change })
}
