import type { PinnedPrice } from '../../lib/contracts/prices.ts'
import { onOneLine } from '../../lib/domain/one-line.ts'
import { costOf } from '../../lib/domain/price.ts'
import type { ProviderAnswer, ProviderFailure } from '../../lib/providers/types.ts'
import type { RowResult } from '../../lib/store/batch-rows.ts'
import type { Row } from './prepare-row.ts'

/** The result of a row that a provider answered. The answer becomes a line of the output file. `moment`: when its money was reserved, ms since 1970. */
export function answered (row: Row, attempts: number, price: PinnedPrice, answer: ProviderAnswer, moment: number): RowResult {
  return {
    line: row.line,
    customId: row.customId,
    state: 'ok',
    statusCode: answer.statusCode,
    requestId: answer.requestId,
    attempts,
    errorCode: null,
    errorMessage: null,
    body: onOneLine(answer.body),
    settlement: answer.usage === null ? null : { provider: price.provider, model: row.model, usage: answer.usage, cost: costOf(answer.usage, price), moment }
  }
}

/** The result of a row that has no answer; `failure` = what its last call came to, null = it was not called. */
export function failed (row: Row, attempts: number, failure: ProviderFailure | null, error: { code: string, message: string }): RowResult {
  return {
    line: row.line,
    customId: row.customId,
    state: 'error',
    statusCode: failure?.statusCode ?? null,
    requestId: failure?.requestId ?? null,
    attempts,
    errorCode: error.code,
    errorMessage: error.message,
    body: failure?.body ?? null,
    settlement: null
  }
}
