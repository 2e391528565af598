import type { PinnedPrice, PriceBook, PriceSheet, Usage } from '../contracts/prices.ts'
import { costOfUsage } from './cost.ts'

/** pico-USD (1e-12 USD) per token by kind of token; null = unknown, which is never 0. */
export interface TokenPrices {
  readonly input: bigint | null
  readonly cachedInput: bigint | null
  readonly output: bigint | null
}

/** What a price book is pinned from: a model of the catalog. */
export interface PricedModel {
  readonly provider: string
  readonly upstream: string
  readonly batchPrices: TokenPrices
  /** All prices in a batch; absent when those three are all there are. */
  readonly batchSheet?: PriceSheet
}

const decimal = /^(-?)(\d{0,30})(?:\.(\d{0,30}))?(?:e([+-]?\d{1,2}))?$/i

/**
 * A decimal number times 10^power, exactly. null = not a decimal number; 'inexact' = it has more decimals than power allows.
 * Text and not a float, because 0.1 + 0.2 is not 0.3.
 */
export function scaleDecimal (text: string, power: number): bigint | 'inexact' | null {
  const match = decimal.exec(text)
  if (!match) return null
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  if (whole === '' && fraction === '') return null
  const digits = BigInt(whole + fraction) * (sign === '-' ? -1n : 1n)
  const shift = power + Number(exponent) - fraction.length
  if (shift >= 0) return digits * 10n ** BigInt(shift)
  const divisor = 10n ** BigInt(-shift)
  return digits % divisor === 0n ? digits / divisor : 'inexact'
}

/** 10^12 USD, far from what the columns hold (38 digits). */
const mostPico = 10n ** 24n

/** USD to pico-USD. Throws RangeError when it is not a decimal number, negative, finer than a pico-dollar or above 10^12. */
export function parseUsd (amount: string | number): bigint {
  const text = String(amount).trim()
  const pico = scaleDecimal(text, 12)
  if (pico === null) throw new RangeError('an amount in USD is a decimal number such as 12.50')
  if (pico === 'inexact') throw new RangeError('an amount in USD has at most 12 decimals')
  if (pico < 0n || pico > mostPico) throw new RangeError('an amount in USD is between 0 and 1000000000000')
  return pico
}

/** pico-USD as an exact decimal number of USD without trailing zeros: 1250000n → "0.00000125". */
export function formatUsd (pico: bigint): string {
  const digits = (pico < 0n ? -pico : pico).toString().padStart(13, '0')
  const fraction = digits.slice(-12).replace(/0+$/, '')
  return (pico < 0n ? '-' : '') + digits.slice(0, -12) + (fraction === '' ? '' : '.' + fraction)
}

/** The prices a batch is billed at, fixed when it is accepted. Throws when a model is not in the catalog: the caller checks that first. */
export function pinPrices (models: ReadonlyMap<string, PricedModel>, ids: Iterable<string>): PriceBook {
  const book: [string, PinnedPrice][] = []
  for (const id of ids) {
    const model = models.get(id)
    if (!model) throw new Error(`No model ${id} in the catalog`)
    const { input, cachedInput, output } = model.batchPrices
    book.push([id, {
      provider: model.provider,
      upstream: model.upstream,
      input: input?.toString() ?? null,
      cachedInput: cachedInput?.toString() ?? null,
      output: output?.toString() ?? null,
      ...model.batchSheet === undefined ? {} : { sheet: model.batchSheet }
    }])
  }
  // fromEntries defines own properties, so an id such as __proto__ is a key like any other
  return Object.fromEntries(book)
}

/** pico-USD of one answer at a pinned price; null when a price it needs is unknown. */
export function costOf (usage: Usage, price: PinnedPrice): bigint | null {
  return costOfUsage(usage, sheetOf(price))
}

/** All prices of a pinned price. Without a sheet it is one itself, of three kinds; a new object each time would be worked out each time. */
export function sheetOf (price: PinnedPrice): PriceSheet {
  return price.sheet ?? price
}
