import test from 'ava'
import type { PriceSheet, ServiceTier, Usage } from '../../../lib/contracts/prices.ts'
import { costOfUsage, estimateCost } from '../../../lib/domain/cost.ts'
import { costOf, pinPrices } from '../../../lib/domain/price.ts'
import { seeded } from '../_seeded.ts'

const none: Usage = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 }
const sheet: PriceSheet = {
  input: '100', cachedInput: '10', cacheWrite: '125', cacheWriteHour: '200', output: '500', reasoning: '400', inputAudio: '900', cachedAudio: '30',
  outputAudio: '950', inputImage: '150', outputImage: '800', image: '7000', request: '11',
  above: [{ inputTokens: 1000, prices: { input: '200', output: '700' } }],
  tiers: { flex: { input: '50', above: [{ inputTokens: 1000, prices: { input: '90' } }] }, priority: { output: '1000' } }
}
const { request: _, ...withoutRequest } = sheet

const cases: [name: string, usage: Partial<Usage>, sheet: PriceSheet, expected: bigint | null][] = [
  ['a request price is paid once, also for nothing', {}, sheet, 11n],
  ['pieces have a price of their own', { images: 3 }, withoutRequest, 21_000n],
  ['pieces without a price are unknown', { images: 1 }, { input: '1', output: '1' }, null],
  ['parts that claim more than the whole get what is left', { inputTokens: 10, cachedInputTokens: 8, cacheWriteTokens: 8, inputImageTokens: 8 }, withoutRequest, 8n * 10n + 2n * 125n],
  ['cached tokens are at most all tokens', { inputTokens: 10, cachedInputTokens: 50 }, withoutRequest, 100n],
  ['audio that was all cached is not paid for twice', { inputTokens: 10, cachedInputTokens: 10, inputAudioTokens: 10, cachedAudioTokens: 10 }, withoutRequest, 300n],
  ['cached audio is at most the audio', { inputTokens: 10, cachedInputTokens: 6, inputAudioTokens: 2, cachedAudioTokens: 6 }, withoutRequest, 4n * 10n + 2n * 30n + 4n * 100n],
  ['reasoning is at most the output', { outputTokens: 10, reasoningTokens: 50, outputAudioTokens: 50 }, withoutRequest, 4000n],
  ['all parts of output', { outputTokens: 10, reasoningTokens: 1, outputAudioTokens: 2, outputImageTokens: 3 }, withoutRequest, 400n + 1900n + 2400n + 4n * 500n],
  ['less than nothing and no number are nothing', { inputTokens: -5, outputTokens: NaN, images: -1, cachedInputTokens: Infinity }, withoutRequest, 0n],
  ['a broken token counts as none', { inputTokens: 1.9 }, withoutRequest, 100n],
  ['a limit itself is below the band', { inputTokens: 1000 }, withoutRequest, 100_000n],
  ['above a limit all tokens have the band\'s price', { inputTokens: 1001, outputTokens: 1 }, withoutRequest, 200_200n + 700n],
  ['what a band does not name is as below it', { inputTokens: 1001, cachedInputTokens: 1001 }, withoutRequest, 10_010n],
  ['a tier names some prices, the others stay', { inputTokens: 10, outputTokens: 10, tier: 'flex' }, withoutRequest, 500n + 5000n],
  ['a tier has bands of its own', { inputTokens: 1001, outputTokens: 1, tier: 'flex' }, withoutRequest, 1001n * 90n + 700n],
  ['a tier wins over the band', { inputTokens: 1001, outputTokens: 1, tier: 'priority' }, withoutRequest, 200_200n + 1000n],
  ['a tier that is not named is the default one', { inputTokens: 10, tier: 'batch' }, withoutRequest, 1000n],
  ['null in a tier is as in the default one', { inputTokens: 10, tier: 'batch' }, { input: '3', tiers: { batch: { input: null } } }, 30n],
  ['an hour\'s writes cost as those of 5 minutes before they cost as input', { inputTokens: 10, cacheWriteHourTokens: 10 }, { input: '1', cacheWrite: '2' }, 20n],
  ['writes cost as input where no price is known', { inputTokens: 10, cacheWriteTokens: 5, cacheWriteHourTokens: 5 }, { input: '1' }, 10n],
  ['one unknown price makes all unknown', { inputTokens: 10, outputTokens: 10, outputAudioTokens: 10 }, { input: '1', reasoning: '1' }, null]
]
for (const [name, usage, prices, expected] of cases) {
  test(`cost: ${name}`, t => { t.is(costOfUsage({ ...none, ...usage }, prices), expected) })
}

function randomUsage (random: () => number, most: number): Usage {
  const upTo = (limit: number): number => Math.floor(random() * (limit + 1))
  const tiers: (ServiceTier | undefined)[] = [undefined, 'batch', 'flex', 'priority']
  const tier = tiers[upTo(3)]
  return {
    inputTokens: upTo(most), cachedInputTokens: upTo(most), cacheWriteTokens: upTo(most), cacheWriteHourTokens: upTo(most), inputAudioTokens: upTo(most),
    cachedAudioTokens: upTo(most), inputImageTokens: upTo(most), outputTokens: upTo(most), reasoningTokens: upTo(most), outputAudioTokens: upTo(most), outputImageTokens: upTo(most),
    ...tier === undefined ? {} : { tier }
  }
}

test('whatever the parts, each token is paid once and no cost is above its estimate', t => {
  const random = seeded(7)
  const flat: PriceSheet = { input: '3', output: '3' }
  for (let round = 0; round < 3000; round++) {
    const usage = randomUsage(random, 2000)
    t.is(costOfUsage(usage, flat), 3n * BigInt(usage.inputTokens + usage.outputTokens))
    const cost = costOfUsage(usage, sheet)!
    t.true(cost >= 11n)
    t.true(cost <= estimateCost(sheet, usage.inputTokens, usage.outputTokens))
  }
})

test('an estimate is all tokens at the dearest price of any tier', t => {
  t.is(estimateCost(sheet, 10, 10), 11n + 10n * 900n + 10n * 1000n)
  t.is(estimateCost({ input: '1', output: '2' }, 10, 10), 30n)
  t.is(estimateCost({ input: '1', output: '2', tiers: { priority: { input: '5' } } }, 10, 10), 70n)
  t.is(estimateCost({ input: '1', above: [{ inputTokens: 9, prices: { input: '4' } }] }, 10, 0), 40n)
  t.is(estimateCost({ input: '1' }, 10, 10), 0n, 'unknown')
  t.is(estimateCost({ input: '1' }, 10, 0), 10n)
  t.is(estimateCost({}, 0, 0), 0n)
})

test('a batch pays all prices of its pinned sheet, and three prices without one', t => {
  const models = new Map([['m', { provider: 'p', upstream: 'u', batchPrices: { input: 50n, cachedInput: 5n, output: 250n }, batchSheet: { input: '50', cacheWrite: '70', output: '250' } }]])
  const pinned = JSON.parse(JSON.stringify(pinPrices(models, ['m']))) as ReturnType<typeof pinPrices>
  t.deepEqual<unknown, unknown>(pinned.m, { provider: 'p', upstream: 'u', input: '50', cachedInput: '5', output: '250', sheet: { input: '50', cacheWrite: '70', output: '250' } })
  const usage = { ...none, inputTokens: 10, cacheWriteTokens: 4, outputTokens: 1 }
  t.is(costOf(usage, pinned.m!), 6n * 50n + 4n * 70n + 250n)
  const { sheet: dropped, ...older } = pinned.m!
  t.truthy(dropped)
  t.is(costOf(usage, older), 10n * 50n + 250n)
})
