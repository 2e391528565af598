import type { PriceSheet, Usage } from '../contracts/prices.ts'
import { ratesOf, ratesOfAllTiers } from './cost-rates.ts'

/**
 * pico-USD of one answer; null when a price it needs is unknown. Each token is paid for once: the parts of input, then of
 * output, are taken out of the whole in turn, so that parts that claim more than the whole get what is left of it.
 */
export function costOfUsage (usage: Usage, sheet: PriceSheet): bigint | null {
  const input = count(usage.inputTokens)
  const rates = ratesOf(sheet, usage.tier, input)
  const cached = Math.min(count(usage.cachedInputTokens), input)
  let rest = input - cached
  const writtenForAnHour = Math.min(count(usage.cacheWriteHourTokens), rest)
  rest -= writtenForAnHour
  const written = Math.min(count(usage.cacheWriteTokens), rest)
  rest -= written
  const audio = count(usage.inputAudioTokens)
  const cachedAudio = Math.min(count(usage.cachedAudioTokens), cached, audio)
  const freshAudio = Math.min(audio - cachedAudio, rest)
  rest -= freshAudio
  const image = Math.min(count(usage.inputImageTokens), rest)
  rest -= image

  let answer = count(usage.outputTokens)
  const reasoning = Math.min(count(usage.reasoningTokens), answer)
  answer -= reasoning
  const spoken = Math.min(count(usage.outputAudioTokens), answer)
  answer -= spoken
  const drawn = Math.min(count(usage.outputImageTokens), answer)
  answer -= drawn

  let total: bigint | null = rates.request ?? 0n
  total = add(total, rest, rates.input)
  total = add(total, cached - cachedAudio, rates.cachedInput)
  total = add(total, cachedAudio, rates.cachedAudio)
  total = add(total, written, rates.cacheWrite)
  total = add(total, writtenForAnHour, rates.cacheWriteHour)
  total = add(total, freshAudio, rates.inputAudio)
  total = add(total, image, rates.inputImage)
  total = add(total, answer, rates.output)
  total = add(total, reasoning, rates.reasoning)
  total = add(total, spoken, rates.outputAudio)
  total = add(total, drawn, rates.outputImage)
  return add(total, count(usage.images), rates.image)
}

/**
 * pico-USD that a request can cost at most, to be reserved before it is made: every token at the dearest price that could
 * apply to it, in whatever tier. 0n when a price it needs is unknown, since it then cannot be billed either.
 */
export function estimateCost (sheet: PriceSheet, inputTokens: number, outputTokens: number): bigint {
  const input = count(inputTokens)
  const output = count(outputTokens)
  let most = 0n
  for (const rates of ratesOfAllTiers(sheet, input)) {
    const cost = add(add(rates.request ?? 0n, input, rates.dearestInput), output, rates.dearestOutput)
    if (cost !== null && cost > most) most = cost
  }
  return most
}

function add (total: bigint | null, pieces: number, price: bigint | null): bigint | null {
  if (pieces === 0 || total === null) return total
  return price === null ? null : total + BigInt(pieces) * price
}

/** What is no count of things, such as NaN or less than none, is none. */
function count (value: number | undefined): number {
  return value !== undefined && value > 0 ? Math.min(Math.floor(value), Number.MAX_SAFE_INTEGER) : 0
}
