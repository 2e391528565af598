import type { PriceSheet, ServiceTier } from '../contracts/prices.ts'

/** Kinds of things that are paid for; for all but `request` a price that is absent is unknown. */
export const priceKinds = [
  'input', 'cachedInput', 'cacheWrite', 'cacheWriteHour', 'inputAudio', 'cachedAudio', 'inputImage',
  'output', 'reasoning', 'outputAudio', 'outputImage', 'image', 'request'
] as const
export type PriceKind = typeof priceKinds[number]

export const serviceTiers: readonly ServiceTier[] = ['batch', 'flex', 'priority']

/** What one request pays, in pico-USD per token or piece, with the substitutes in place. null = unknown. */
export interface Rates extends Readonly<Record<PriceKind, bigint | null>> {
  /** The highest known price that a token of input, and one of output, could have; null = none is known. */
  readonly dearestInput: bigint | null
  readonly dearestOutput: bigint | null
}

/** Whose price is taken where a kind has none, the first that is known. */
const substitutes: Readonly<Partial<Record<PriceKind, readonly PriceKind[]>>> = {
  cachedInput: ['input'],
  cacheWrite: ['input'],
  cacheWriteHour: ['cacheWrite', 'input'],
  inputAudio: ['input'],
  cachedAudio: ['cachedInput', 'inputAudio', 'input'],
  inputImage: ['input'],
  reasoning: ['output'],
  outputAudio: ['output'],
  outputImage: ['output']
}
const inputKinds: readonly PriceKind[] = ['input', 'cachedInput', 'cacheWrite', 'cacheWriteHour', 'inputAudio', 'cachedAudio', 'inputImage']
const outputKinds: readonly PriceKind[] = ['output', 'reasoning', 'outputAudio', 'outputImage']

interface Band { readonly above: number, readonly rates: Rates }
/** Per tier, the highest band first; the last one is above −1, so that one always applies. */
type Compiled = Readonly<Record<ServiceTier | 'default', readonly Band[]>>

/** Parsing the decimal texts costs more than a whole bill, and a sheet serves many requests. */
const compiled = new WeakMap<PriceSheet, Compiled>()

/** The prices that a request of so many input tokens pays in a tier; a tier that the sheet does not name pays the default one's. */
export function ratesOf (sheet: PriceSheet, tier: ServiceTier | undefined, inputTokens: number): Rates {
  const bands = compiledOf(sheet)[tier ?? 'default']
  for (const band of bands) if (inputTokens > band.above) return band.rates
  return bands.at(-1)!.rates
}

/** The prices of all tiers for a request of so many input tokens. */
export function ratesOfAllTiers (sheet: PriceSheet, inputTokens: number): Rates[] {
  if (sheet.tiers === undefined) return [ratesOf(sheet, undefined, inputTokens)]
  return [undefined, ...serviceTiers].map(tier => ratesOf(sheet, tier, inputTokens))
}

function compiledOf (sheet: PriceSheet): Compiled {
  let result = compiled.get(sheet)
  if (result === undefined) {
    result = { default: compile(sheet, null), batch: compile(sheet, 'batch'), flex: compile(sheet, 'flex'), priority: compile(sheet, 'priority') }
    compiled.set(sheet, result)
  }
  return result
}

function compile (sheet: PriceSheet, tier: ServiceTier | null): Band[] {
  const special = tier === null ? undefined : sheet.tiers?.[tier]
  const limits = new Set([...sheet.above ?? [], ...special?.above ?? []].map(band => band.inputTokens))
  return [-1, ...limits].sort((a, b) => b - a).map(above => ({ above, rates: resolve(layersOf(sheet, tier, above)) }))
}

/** Sheets that apply once the input is above a number of tokens; where several name a kind, the last one counts. */
function layersOf (sheet: PriceSheet, tier: ServiceTier | null, above: number): PriceSheet[] {
  const bands = (sheet.above ?? []).filter(band => band.inputTokens <= above).sort((a, b) => a.inputTokens - b.inputTokens).map(band => band.prices)
  const special = tier === null ? undefined : sheet.tiers?.[tier]
  return [sheet, ...bands, ...special === undefined ? [] : layersOf(special, null, above)]
}

function resolve (layers: readonly PriceSheet[]): Rates {
  const named = (kind: PriceKind): bigint | null => {
    const text = layers.findLast(layer => layer[kind] != null)?.[kind]
    return text == null ? null : BigInt(text)
  }
  const prices = Object.fromEntries(priceKinds.map(kind => {
    const price = [kind, ...substitutes[kind] ?? []].map(named).find(found => found !== null)
    return [kind, price ?? null]
  })) as Record<PriceKind, bigint | null>
  const dearest = (kinds: readonly PriceKind[]): bigint | null => kinds.map(kind => prices[kind]).reduce((most, price) => most === null || (price !== null && price > most) ? price : most, null)
  return { ...prices, dearestInput: dearest(inputKinds), dearestOutput: dearest(outputKinds) }
}
