import type { PriceSheet, ServiceTier } from '../contracts/prices.ts'
import { serviceTiers } from '../domain/cost-rates.ts'
import type { PriceKind } from '../domain/cost-rates.ts'
import { scaleDecimal } from '../domain/price.ts'
import { fault, readInteger, readList, readMap, readNumeral } from './yaml-fields.ts'
import type { Field } from './yaml-fields.ts'

/** The name of each kind in the file and in the admin API. */
const names = {
  input: 'input',
  cached_input: 'cachedInput',
  cache_write: 'cacheWrite',
  cache_write_hour: 'cacheWriteHour',
  output: 'output',
  reasoning: 'reasoning',
  input_audio: 'inputAudio',
  cached_audio: 'cachedAudio',
  output_audio: 'outputAudio',
  input_image: 'inputImage',
  output_image: 'outputImage',
  image: 'image',
  request: 'request'
} as const satisfies Record<string, PriceKind>
type PriceName = keyof typeof names
const priceNames = Object.keys(names) as PriceName[]
const perPiece: ReadonlySet<PriceName> = new Set(['image', 'request'])

/** USD per million tokens. The largest bill of one answer, 2 × 2^31 tokens at this price, still fits the ledger's bigint. */
const highestPrice = 2000n
/** USD per image and per request. */
const highestPiecePrice = 100n
/** The most tokens that a band can begin at. */
const highestBand = 2 ** 31 - 1
/** Discounts are read in parts of 10^12. */
const discountScale = 12
const whole = 10n ** BigInt(discountScale)

/**
 * A `price` mapping: USD per million tokens, and per piece for image and request, as pico-USD per token or piece. A price that
 * `discount` makes finer than a pico-dollar is a fault.
 */
export function readPriceSheet (field: Field | undefined, discount = 0n): PriceSheet {
  const keys = field && readMap(field, [], [...priceNames, 'above', 'tiers'])
  if (!keys) return {}
  const tiers = keys.tiers && readMap(keys.tiers, [], serviceTiers)
  const special = serviceTiers.flatMap((tier): Array<[ServiceTier, PriceSheet]> => tiers?.[tier] ? [[tier, readTier(tiers[tier], discount)]] : [])
  return {
    ...readKinds(keys, discount),
    ...readBands(keys.above, discount),
    ...special.length === 0 ? {} : { tiers: Object.fromEntries(special) }
  }
}

function readTier (field: Field, discount: bigint): PriceSheet {
  const keys = readMap(field, [], [...priceNames, 'above'])
  return keys ? { ...readKinds(keys, discount), ...readBands(keys.above, discount) } : {}
}

function readBands (field: Field | undefined, discount: bigint): Pick<PriceSheet, 'above'> {
  const limits = new Set<number>()
  const bands = readList(field)?.flatMap(entry => {
    const keys = readMap(entry, ['input_tokens'], priceNames)
    const inputTokens = readInteger(keys?.input_tokens, 1, highestBand)
    if (!keys || inputTokens === undefined) return []
    if (limits.has(inputTokens)) fault(entry, `prices above ${inputTokens} tokens are already given`)
    limits.add(inputTokens)
    return [{ inputTokens, prices: readKinds(keys, discount) }]
  })
  return bands === undefined ? {} : { above: bands }
}

function readKinds (keys: Readonly<Partial<Record<PriceName, Field>>>, discount: bigint): PriceSheet {
  const prices = priceNames.flatMap((name): Array<[PriceKind, string]> => {
    const field = keys[name]
    const price = field && readPrice(field, perPiece.has(name), discount)
    return price === undefined ? [] : [[names[name], price.toString()]]
  })
  return Object.fromEntries(prices)
}

function readPrice (field: Field, piece: boolean, discount: bigint): bigint | undefined {
  const unit = piece ? 'piece' : 'token'
  const price = scaleDecimal(readNumeral(field) ?? '', piece ? 12 : 6)
  const most = piece ? highestPiecePrice * 10n ** 12n : highestPrice * 10n ** 6n
  if (price === null || (price !== 'inexact' && (price < 0n || price > most))) {
    return fault(field, piece ? `a price in USD per piece from 0 to ${highestPiecePrice} is needed` : `a price in USD per million tokens from 0 to ${highestPrice} is needed`)
  }
  if (price === 'inexact') return fault(field, `finer than a pico-dollar per ${unit}: at most ${piece ? 12 : 6} decimals are possible`)
  if (price * (whole - discount) % whole !== 0n) return fault(field, `with batch_discount it is finer than a pico-dollar per ${unit}`)
  return price
}

/** A fraction from 0 to 1 in parts of 10^12. */
export function readDiscount (field: Field | undefined): bigint {
  if (!field) return 0n
  const parts = scaleDecimal(readNumeral(field) ?? '', discountScale)
  if (typeof parts === 'bigint' && parts >= 0n && parts <= whole) return parts
  fault(field, 'a fraction from 0 to 1 with at most 12 decimals is needed')
  return 0n
}

/** Every price less a discount in parts of 10^12, bands and tiers too; a rest of a pico-dollar is rounded up. */
export function discountSheet (sheet: PriceSheet, discount: bigint): PriceSheet {
  if (discount === 0n) return sheet
  const { above, tiers, ...prices } = sheet
  const reduced = Object.entries(prices).map(([kind, price]) => [kind, price == null ? null : ((BigInt(price) * (whole - discount) + whole - 1n) / whole).toString()])
  return {
    ...Object.fromEntries(reduced) as PriceSheet,
    ...above === undefined ? {} : { above: above.map(band => ({ inputTokens: band.inputTokens, prices: discountSheet(band.prices, discount) })) },
    ...tiers === undefined ? {} : { tiers: Object.fromEntries(Object.entries(tiers).map(([tier, special]) => [tier, discountSheet(special, discount)])) }
  }
}

/** A sheet as the file and the admin API write it: exact decimal texts in USD. */
export function priceSheetToJson (sheet: PriceSheet): Record<string, unknown> {
  const prices = priceNames.flatMap((name): Array<[string, unknown]> => {
    const price = sheet[names[name]]
    return price == null ? [] : [[name, decimalText(BigInt(price), perPiece.has(name) ? 12 : 6)]]
  })
  return {
    ...Object.fromEntries(prices),
    ...sheet.above === undefined ? {} : { above: sheet.above.map(band => ({ input_tokens: band.inputTokens, ...priceSheetToJson(band.prices) })) },
    ...sheet.tiers === undefined ? {} : { tiers: Object.fromEntries(Object.entries(sheet.tiers).map(([tier, special]) => [tier, priceSheetToJson(special)])) }
  }
}

function decimalText (value: bigint, decimals: number): string {
  const digits = value.toString().padStart(decimals + 1, '0')
  const fraction = digits.slice(-decimals).replace(/0+$/, '')
  return digits.slice(0, -decimals) + (fraction === '' ? '' : '.' + fraction)
}
