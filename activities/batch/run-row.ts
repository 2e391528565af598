import { setTimeout as sleep } from 'node:timers/promises'
import type { CallOwner, Limiter } from '../../lib/contracts/limiter.ts'
import type { PinnedPrice } from '../../lib/contracts/prices.ts'
import { estimateCost } from '../../lib/domain/cost.ts'
import { sheetOf } from '../../lib/domain/price.ts'
import { SiraError } from '../../lib/errors.ts'
import { retryDelay } from '../../lib/domain/retry-delay.ts'
import { ProviderFailure, type Provider } from '../../lib/providers/types.ts'
import type { Config } from '../../lib/config.ts'
import type { ActiveBatch } from './active-batches.ts'
import type { Row } from './prepare-row.ts'
import type { RowBudgets } from './row-budgets.ts'
import { answered, failed } from './row-results.ts'

export interface RowDependencies {
  readonly providers: Pick<ReadonlyMap<string, Provider>, 'get'>
  readonly limiter: Limiter
  readonly spending: RowBudgets | null
  readonly config: Config['batch']
}

/**
 * One row to its terminal result, which goes to the batch's writer. Returns false when the batch stopped first: the row
 * is then as if it had never been tried, and whoever goes on with the chunk tries it again; or, at the end of the batch,
 * it was cut off and is of unknown outcome.
 */
export async function runRow (batch: ActiveBatch, row: Row, owner: CallOwner, { providers, limiter, spending, config }: RowDependencies): Promise<boolean> {
  const { record, writer } = batch
  const price = record.prices[row.model]!
  const provider = providers.get(price.provider)
  if (provider === undefined) {
    writer.add(failed(row, 0, null, { code: 'provider_not_configured', message: `The provider ${price.provider} is no longer configured.` }))
    return true
  }
  const { body, outputTokens } = row
  const tokens = Math.ceil(body.length / 4) + outputTokens
  let attempts = 0
  for (let counted = 0; ;) {
    if (writer.isFull()) await writer.room()
    if (batch.stopped() !== null) return false
    const most = batch.budget === null && spending === null ? 0n : estimate(price, Buffer.byteLength(body), outputTokens)
    const settle = batch.budget === null ? null : await batch.budget.reserve(most)
    if (batch.budget !== null && settle === null) batch.stop('budget_exceeded')
    let release: () => void
    try {
      release = await limiter.acquire(price.provider, owner, tokens, batch.claiming)
    } catch (error) {
      settle?.(0n)
      if (batch.claiming.aborted) return false
      throw error
    }
    // with its turn already: rows that wait for one must not lock up money that others could spend
    const reservation = spending === null ? null : await spending.reserve(record, most, batch.claiming)
    if (spending !== null && reservation === null) {
      release()
      settle?.(0n)
      // a budget of the key, project or organization ends a batch as its own does
      batch.stop('budget_exceeded')
      return false
    }
    attempts += 1
    let spent = 0n
    let failure: ProviderFailure
    try {
      const answer = await provider.call({
        endpoint: record.endpoint,
        body,
        clientRequestId: `${record.id}:${row.line}:${attempts}`,
        signal: batch.calls,
        timeout: config.callTimeout,
        maxAnswerBytes: config.maxAnswerBytes
      })
      const result = answered(row, attempts, price, answer, reservation?.moment ?? Date.now())
      spent = result.settlement?.cost ?? 0n
      writer.add(result)
      return true
    } catch (error) {
      if (error instanceof SiraError) {
        // the provider cannot do what the row asks
        writer.add(failed(row, attempts, null, { code: error.code, message: error.message }))
        return true
      }
      if (!(error instanceof ProviderFailure)) throw error
      failure = error
    } finally {
      release()
      settle?.(spent)
      reservation?.settle(spent)
    }
    if (failure.class.code === 'aborted') {
      const stop = batch.stopped()
      if (stop !== 'cancelled' && stop !== 'expired') return false
      // the provider may have done the work and billed it
      writer.add({ ...failed(row, attempts, null, { code: 'outcome_unknown', message: `The call was cut off when the batch was ${stop}; the provider may have billed it.` }), state: 'unknown' })
      return false
    }
    if (!failure.class.throttled) counted += 1
    if (!failure.class.retryable || counted >= config.maxAttempts) {
      writer.add(failed(row, attempts, failure, { code: failure.class.code, message: failure.message }))
      return true
    }
    const delay = retryDelay({ attempt: attempts, retryAfter: failure.class.retryAfter, random: Math.random() })
    await sleep(delay, undefined, { signal: batch.claiming }).catch(() => {}) // aborted: the loop's head sees why
  }
}

/** pico-USD reserved for a call: every byte of the request as if it were a token, which no tokenizer exceeds, and all the output it may produce. */
function estimate (price: PinnedPrice, bytes: number, output: number): bigint {
  return estimateCost(sheetOf(price), bytes, output)
}
