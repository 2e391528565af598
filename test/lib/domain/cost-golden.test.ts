import { readFileSync } from 'node:fs'
import test from 'ava'
import type { PriceSheet, Usage } from '../../../lib/contracts/prices.ts'
import { costOfUsage } from '../../../lib/domain/cost.ts'
import { readMessageUsage } from '../../../lib/providers/anthropic/usage.ts'
import { priceSheetFromJson } from '../../../lib/providers/catalog-json.ts'
import { readGeminiUsage } from '../../../lib/providers/gemini/usage.ts'
import { readUsage } from '../../../lib/providers/usage.ts'
import { costCases, sheets } from '../../fixtures/cost-cases.ts'
import type { CostCase, SheetName } from '../../fixtures/cost-cases.ts'
import { work } from '../../fixtures/make-cost-golden.ts'

const golden = JSON.parse(readFileSync(new URL('../../fixtures/cost-golden.json', import.meta.url), 'utf8')) as Record<string, string | null>
const parsed = Object.fromEntries(Object.entries(sheets).map(([name, sheet]) => [name, priceSheetFromJson(sheet)])) as Record<SheetName, PriceSheet>

function read (given: CostCase): Usage {
  const usage = given.reader === 'anthropic'
    ? readMessageUsage(given.usage)
    : given.reader === 'gemini' ? readGeminiUsage(given.usage) : readUsage(given.usage, given.tier)
  if (usage === null) throw new Error('no usage')
  return usage
}

test('the golden set has at least 200 usages, each once, and its expectations are those of the file', t => {
  const names = costCases.map(given => given.name)
  t.true(names.length >= 200)
  t.is(new Set(names).size, names.length)
  t.deepEqual(Object.keys(golden).sort(), [...names].sort())
  const small = costCases.filter(given => Number(given.usage.prompt_tokens ?? given.usage.input_tokens ?? given.usage.promptTokenCount) < 20_000)
  t.true(small.length > 150)
  for (const given of small) t.deepEqual<unknown, unknown>(golden[given.name], work(given), given.name)
})

test('every usage of the golden set costs what was worked out token by token', t => {
  for (const given of costCases) t.deepEqual<unknown, unknown>(costOfUsage(read(given), parsed[given.sheet])?.toString() ?? null, golden[given.name], given.name)
})

/** Worked out by hand. USD 1 per million tokens is 1,000,000 pico-USD a token. */
const byHand: [name: string, expected: bigint | null][] = [
  // 100 × 3 M + 20,000 × 3.75 M + 50 × 15 M = 300 M + 75,000 M + 750 M
  ['litellm #33772: cache writes are billed', 76_050_000_000n],
  // 206,000 of input: 1,000 × 6 M + 190,000 × 0.6 M + 10,000 × 7.5 M + 5,000 × 12 M + 500 × 22.5 M = 6,000 + 114,000 + 75,000 + 60,000 + 11,250 M
  ['litellm #16377: cache reads and writes above 200k have that band\'s prices', 266_250_000_000n],
  // 1,000 × 3 M + 4,000 × 0.75 M + 100 × 15 M = 3,000 + 3,000 + 1,500 M
  ['litellm #14874: cached tokens of xAI are a part of its input, not beside it', 7_500_000_000n],
  // 10 × 0.8 M + 100,000 × 0.08 M + 20 × 4 M = 8 + 8,000 + 80 M
  ['litellm #9833: a cached read of a small model is a tenth of its input', 8_088_000_000n],
  // 3 × 3 M + 30,000 × 0.3 M + 500 × 3.75 M + 100 × 15 M = 9 + 9,000 + 1,875 + 1,500 M
  ['litellm #11364: Anthropic\'s input excludes what was cached', 12_384_000_000n],
  // 1,000 × 2.5 M + 1,000 × 10 M
  ['OpenAI chat 1000/1000', 12_500_000_000n],
  // 12 × 2.5 M + 345 × 10 M = 30 + 3,450 M
  ['OpenAI chat 12/345', 3_480_000_000n],
  ['OpenAI chat 0/0', 0n],
  // 3,976 × 2.5 M + 1,024 × 1.25 M + 300 × 10 M = 9,940 + 1,280 + 3,000 M
  ['OpenAI 1024 of 5000 cached', 14_220_000_000n],
  // reasoning is in the 300: 500 × 1.25 M + 300 × 10 M
  ['OpenAI 299 of 300 reasoning, inside the output', 3_625_000_000n],
  // 3,000 × 0.625 M + 7,000 × 0.0625 M + 2,000 × 5 M = 1,875 + 437.5 + 10,000 M
  ['OpenAI tier flex', 12_312_500_000n],
  // 3,000 × 2.5 M + 7,000 × 0.25 M + 2,000 × 20 M = 7,500 + 1,750 + 40,000 M
  ['OpenAI tier priority', 49_250_000_000n],
  // 3,000 × 1.25 M + 7,000 × 0.125 M + 2,000 × 10 M = 3,750 + 875 + 20,000 M
  ['OpenAI tier default', 24_625_000_000n],
  // 100 × 2 M + 500 × 2.5 M + 300 × 0.2 M + 40 × 12 M = 200 + 1,250 + 60 + 480 M
  ['OpenAI 500 written, 300 read', 1_990_000_000n],
  // 600 × 2.5 M + 100 × 40 M + 10 × 10 M + 80 × 80 M = 1,500 + 4,000 + 100 + 6,400 M
  ['OpenAI audio 100 in, 80 out', 12_000_000_000n],
  // cached audio 100 × 0.5 M, cached text 200 × 0.4 M, audio 300 × 32 M, text 400 × 4 M; out 50 × 16 M, 150 × 64 M = 50 + 80 + 9,600 + 1,600 + 800 + 9,600 M
  ['OpenAI realtime audio 400, cached 300, of both 100', 21_730_000_000n],
  // 50 × 5 M + 350 × 10 M + 1,056 × 40 M = 250 + 3,500 + 42,240 M
  ['OpenAI image of 1056 tokens from 350', 45_990_000_000n],
  // 8,191 × 0.02 M
  ['embedding of 8191', 163_820_000n],
  // 700 × 3 M + 4,000 × 0.3 M + 2,000 × 3.75 M + 1,000 × 6 M + 300 × 15 M = 2,100 + 1,200 + 7,500 + 6,000 + 4,500 M
  ['Anthropic sonnet: 4000 read, 2000 for 5 min, 1000 for 1 h', 21_300_000_000n],
  // no price for an hour, so that of 5 minutes: 700 × 0.8 M + 5,000 × 1 M + 300 × 4 M = 560 + 5,000 + 1,200 M
  ['Anthropic haiku-no-hour: 0 read, 0 for 5 min, 5000 for 1 h', 6_760_000_000n],
  // exactly 200,000 is not above it: 140,000 × 3 M + 30,000 × 0.3 M + 20,000 × 3.75 M + 10,000 × 6 M + 1,000 × 15 M = 420,000 + 9,000 + 75,000 + 60,000 + 15,000 M
  ['Anthropic 200000 of input in tier standard', 579_000_000_000n],
  // 140,001 × 6 M + 30,000 × 0.6 M + 20,000 × 7.5 M + 10,000 × 12 M + 1,000 × 22.5 M = 840,006 + 18,000 + 150,000 + 120,000 + 22,500 M
  ['Anthropic 200001 of input in tier standard', 1_150_506_000_000n],
  // half of that
  ['Anthropic 200001 of input in tier batch', 575_253_000_000n],
  // thoughts are beside the candidates: 100 × 1.25 M + (5 + 343) × 10 M = 125 + 3,480 M
  ['Gemini gemini-pro: 343 thoughts beside 5 candidates', 3_605_000_000n],
  // 50 + 1,200 of input × 1.25 M, 60 + 70 of output × 10 M = 1,562.5 + 1,300 M
  ['Gemini 1200 of tools it ran', 2_862_500_000n],
  // 100,001 × 2.5 M + 100,000 × 0.25 M + 1,000 × 15 M = 250,002.5 + 25,000 + 15,000 M
  ['Gemini 200001 of input in tier none', 290_002_500_000n],
  // 127,000 × 1.25 M + 1,000 × 0.3125 M + 700 × 5 M = 158,750 + 312.5 + 3,500 M
  ['Gemini 128000 of input, band at 128k', 162_562_500_000n],
  // 200 of cached audio × 0.1 M, 300 of audio × 1 M, 500 of text × 0.3 M, 20 × 2.5 M = 20 + 300 + 150 + 50 M
  ['Gemini audio 500, cached 200, of both 200', 520_000_000n],
  // 8,360 × 0.28 M + 640 × 0.028 M + 800 × 0.42 M = 2,340.8 + 17.92 + 336 M
  ['DeepSeek 640 of 9000 hit', 2_694_720_000n],
  // 2,000 × 3 M + 1,000 × 0.75 M + (100 + 400) × 15 M = 6,000 + 750 + 7,500 M
  ['xAI 400 of reasoning beside the completion', 14_250_000_000n],
  // 0.005 USD is 5,000 M; 40 × 2 M + 4,750 × 8 M + 250 × 3 M = 80 + 38,000 + 750 M
  ['reasoning 250 at a price of its own, and a price per request', 43_830_000_000n],
  // 500 × 1 + 500 × 0 + 1,000 × 3
  ['less than a pico-dollar would be 1000/1000', 3500n],
  ['unknown 0/0', 0n],
  ['unknown 1/0', null],
  ['only input known 1/0', 1_000_000n],
  ['only input known 0/1', null],
  ['only output known 0/1', 1_000_000n],
  // cached input has a price, fresh input none
  ['input unknown, 1000 of 1000 cached', 1_010_000_000n],
  ['input unknown, 999 of 1000 cached', null]
]

for (const [name, expected] of byHand) {
  test(`by hand: ${name}`, t => {
    const given = costCases.find(one => one.name === name)!
    t.is(costOfUsage(read(given), parsed[given.sheet]), expected)
    t.deepEqual<unknown, unknown>(golden[name], expected?.toString() ?? null)
  })
}
