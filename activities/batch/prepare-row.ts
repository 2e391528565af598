import type { BatchRow } from '../../lib/batch-input/parse-chunk.ts'
import type { PriceBook } from '../../lib/contracts/prices.ts'
import { countAnswers, hasOutput } from '../../lib/domain/estimate-tokens.ts'

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
  const outputTokens = hasOutput(endpoint) ? mostOutputTokens(body) : 0
  const { upstream } = prices[model]!
  if (upstream !== model) body.model = upstream
  return { line, customId, model, body: JSON.stringify(body), outputTokens }
}

function mostOutputTokens (body: Readonly<Record<string, unknown>>): number {
  const each = positive(body.max_completion_tokens) ?? positive(body.max_output_tokens) ?? positive(body.max_tokens) ?? ASSUMED_OUTPUT_TOKENS
  return each * countAnswers(body)
}

function positive (value: unknown): number | null {
  return typeof value === 'number' && value > 0 && Number.isFinite(value) ? Math.ceil(value) : null
}
