import test from 'ava'
import { costOf, formatUsd, parseUsd, pinPrices, scaleDecimal } from '../../../lib/domain/price.ts'
import type { PinnedPrice } from '../../../lib/contracts/prices.ts'
import { seeded } from '../_seeded.ts'

const price: PinnedPrice = { provider: 'p', upstream: 'm', input: '150000', cachedInput: '75000', output: '600000' }
const usage = { inputTokens: 100, cachedInputTokens: 40, outputTokens: 10, reasoningTokens: 6 }

test('cost is fresh input, cached input and output at their prices, reasoning being part of output', t => {
  t.is(costOf(usage, price), 60n * 150000n + 40n * 75000n + 10n * 600000n)
})

test('cached input costs the input price where no cached price is known', t => {
  t.is(costOf(usage, { ...price, cachedInput: null }), 100n * 150000n + 10n * 600000n)
})

test('cost is unknown exactly when a price it needs is unknown', t => {
  t.is(costOf(usage, { ...price, input: null }), null)
  t.is(costOf(usage, { ...price, output: null }), null)
  t.is(costOf({ ...usage, outputTokens: 0, reasoningTokens: 0 }, { ...price, output: null }), 60n * 150000n + 40n * 75000n)
  t.is(costOf({ ...usage, cachedInputTokens: 100 }, { ...price, input: null }), 100n * 75000n + 10n * 600000n)
  t.is(costOf({ ...usage, cachedInputTokens: 0 }, { ...price, input: null, cachedInput: null }), null)
  t.is(costOf({ inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 }, { ...price, input: null, cachedInput: null, output: null }), 0n)
  t.is(costOf(usage, { ...price, input: '0', cachedInput: '0', output: '0' }), 0n)
})

test('the cost of many answers is the sum of their costs, to the pico-dollar', t => {
  const random = seeded(1)
  const total = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 }
  let sum = 0n
  for (let row = 0; row < 2000; row++) {
    const inputTokens = Math.floor(random() * 100_000)
    const one = { inputTokens, cachedInputTokens: Math.floor(random() * (inputTokens + 1)), outputTokens: Math.floor(random() * 5000), reasoningTokens: 0 }
    sum += costOf(one, price)!
    total.inputTokens += one.inputTokens
    total.cachedInputTokens += one.cachedInputTokens
    total.outputTokens += one.outputTokens
  }
  t.is(costOf(total, price), sum)
})

test('USD amounts are written exactly and without trailing zeros', t => {
  const table: [bigint, string][] = [
    [0n, '0'], [1n, '0.000000000001'], [1_250_000n, '0.00000125'], [1_000_000_000_000n, '1'], [12_500_000_000_000n, '12.5'],
    [10_000_000_000_000n, '10'], [-1_250_000n, '-0.00000125'], [123_456_789_012_345_678_901_234n, '123456789012.345678901234']
  ]
  for (const [pico, text] of table) t.is(formatUsd(pico), text)
})

test('reading a written USD amount gives the same amount', t => {
  const random = seeded(2)
  for (let round = 0; round < 2000; round++) {
    const pico = BigInt(Math.floor(random() * 2 ** 50)) * 10n ** BigInt(Math.floor(random() * 8))
    t.is(parseUsd(formatUsd(pico)), pico)
  }
})

test('USD amounts are read from numbers and texts alike', t => {
  const table: [string | number, bigint][] = [
    [0.1, 100_000_000_000n], ['0.1', 100_000_000_000n], [1e-7, 100_000n], ['1e-12', 1n], [0, 0n], [' 12.50 ', 12_500_000_000_000n],
    ['.5', 500_000_000_000n], ['5.', 5_000_000_000_000n], ['1000000000000', 10n ** 24n], ['0.0000000000010', 1n]
  ]
  for (const [text, pico] of table) t.is(parseUsd(text), pico, String(text))
})

test('what is no USD amount is refused', t => {
  const refused = ['', '.', 'abc', '1,5', '0x10', '1_000', '--1', '-1', '0.0000000000001', '1e13', '1000000000000.01', NaN, Infinity, -0.01, '1e999', '9'.repeat(40)]
  for (const text of refused) t.throws(() => parseUsd(text), { instanceOf: RangeError }, String(text))
})

test('scaling a decimal tells what is inexact from what is no number', t => {
  t.is(scaleDecimal('0.15', 6), 150000n)
  t.is(scaleDecimal('0.0000001', 6), 'inexact')
  t.is(scaleDecimal('-2.5', 1), -25n)
  t.is(scaleDecimal('.inf', 6), null)
})

test('a price book holds the batch prices of the models asked for, unknown ones as null', t => {
  const models = new Map([
    ['a', { provider: 'p', upstream: 'up-a', batchPrices: { input: 75000n, cachedInput: null, output: 300000n } }],
    ['__proto__', { provider: 'p', upstream: 'odd', batchPrices: { input: null, cachedInput: null, output: 0n } }],
    ['b', { provider: 'p', upstream: 'b', batchPrices: { input: 1n, cachedInput: 1n, output: 1n } }]
  ])
  const book = pinPrices(models, ['a', '__proto__'])
  t.deepEqual(Object.keys(book), ['a', '__proto__'])
  t.deepEqual(JSON.parse(JSON.stringify(book.a)), { provider: 'p', upstream: 'up-a', input: '75000', cachedInput: null, output: '300000' })
  t.is(Object.getOwnPropertyDescriptor(book, '__proto__')?.value.output, '0')
  t.throws(() => pinPrices(models, ['missing']), { message: /missing/ })
})
