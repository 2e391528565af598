import test from 'ava'
import { group, progressLine, shortUsd } from '../../../local/demo/progress-line.ts'

const progress = {
  state: 'running' as const,
  counts: { total: 2000, succeeded: 990, failed: 10 },
  rate: 158.4,
  eta_s: 7,
  tokens: { input: 40_000, output: 14_321 },
  cost: '0.123456789'
}

test('progress shows rows, rate, ETA, tokens and cost beside a bar', t => {
  t.is(progressLine(progress, 10), '█████░░░░░  running  1,000/2,000 rows (10 failed)  158 rows/s  ETA 7 s  54,321 tokens  $0.1234')
})

test('progress without a total or an ETA is shown as unknown', t => {
  const line = progressLine({ ...progress, state: 'queued', counts: { total: null, succeeded: 0, failed: 0 }, rate: 0, eta_s: null, cost: '0' }, 0)
  t.is(line, 'queued  0/? rows  0 rows/s  ETA –  54,321 tokens  $0.00')
})

test('a bar is full only when every row has ended', t => {
  const bar = (succeeded: number): string => progressLine({ ...progress, counts: { total: 2000, succeeded, failed: 0 } }, 10).slice(0, 10)
  t.is(bar(1999), '█████████░')
  t.is(bar(2000), '██████████')
  t.is(bar(0), '░░░░░░░░░░')
})

test('numbers are grouped and dollars are cut, not rounded', t => {
  t.deepEqual([0, 999, 1000, 1_234_567].map(group), ['0', '999', '1,000', '1,234,567'])
  t.deepEqual(['0', '1.5', '0.99999', '12'].map(shortUsd), ['0.00', '1.50', '0.9999', '12.00'])
})
