import type { BatchRow } from '../../lib/batch-input/parse-chunk.ts'
import type { PriceBook } from '../../lib/contracts/prices.ts'
import { boundOutput } from '../../lib/domain/estimate-tokens.ts'

/**
 * A row as it waits for its turn: the body is text already. Thousands wait at once, and as objects they would outlive
 * the young generation and fill the heap with garbage.
 */
export interface Row {
  readonly line: number
  readonly customId: string
  readonly model: string
  /** The request to the provider, JSON with the upstream model's name in it. */
  readonly body: string
  /** The most tokens the answer may have. */
  readonly outputTokens: number
}

/** Tokens reserved for an answer whose request names no maximum. */
const ASSUMED_OUTPUT_TOKENS = 1_024

export function prepareRow ({ line, customId, model, body }: BatchRow, prices: PriceBook, endpoint: string): Row {
  const outputTokens = boundOutput(endpoint, body, ASSUMED_OUTPUT_TOKENS).most
  const { upstream } = prices[model]!
  if (upstream !== model) body.model = upstream
  return { line, customId, model, body: JSON.stringify(body), outputTokens }
}
