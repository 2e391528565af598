import test, { type ExecutionContext } from 'ava'
import type { Pool } from 'pg'
import { hasOutputAfter, streamOutput, type OutputPage, type RowFilter } from '../../../lib/store/batch-output.ts'
import { saveResults, type RowResult } from '../../../lib/store/batch-rows.ts'
import { transitionJob } from '../../../lib/store/jobs.ts'
import { insertTestBatch } from '../../support/batch.ts'
import { openTestPool } from '../../support/pool.ts'
import { createTestTenant } from '../../support/tenant.ts'

const strange = 'quote " backslash \\ tab \t slash / é 漢 𝄞 \u2028 end'

function row (line: number, fields: Partial<RowResult> = {}): RowResult {
  return {
    line, customId: `row ${line}`, state: 'ok', statusCode: 200, requestId: `req ${line}`, attempts: 1, errorCode: null, errorMessage: null, body: `{"line":${line}}`, settlement: null, ...fields
  }
}

async function batchWith (t: ExecutionContext, rows: RowResult[]): Promise<{ pool: Pool, id: string }> {
  const { pool } = await openTestPool(t)
  const batch = await insertTestBatch(pool, (await createTestTenant(pool)).caller)
  await transitionJob(pool, { id: batch.id, to: 'running' })
  for (let from = 0; from < rows.length; from += 500) await saveResults(pool, batch.id, rows.slice(from, from + 500))
  return { pool, id: batch.id }
}

async function firstPage (pool: Pool, id: string, filter: RowFilter, options: { from?: number, limit?: number } = {}): Promise<OutputPage> {
  const { value } = await streamOutput(pool, id, filter, options).next() as IteratorResult<OutputPage, undefined>
  if (value === undefined) throw new Error('There is no output')
  return value
}

test('output lines are exactly OpenAI\'s, whatever the texts hold', async t => {
  const body = JSON.stringify({ answer: strange, number: 1.5e300 })
  const { pool, id } = await batchWith(t, [
    row(1, { customId: strange, requestId: strange, body }),
    row(2, { state: 'error', statusCode: 400, requestId: null, body: '{"error":{}}' }),
    row(3, { state: 'error', statusCode: null, requestId: null, body: null, errorCode: 'timeout', errorMessage: strange }),
    row(4, { state: 'error', statusCode: 502, body: null, errorCode: 'server_error', errorMessage: 'no JSON came' })
  ])
  const page = await firstPage(pool, id, 'all')
  const prefix = `batch_req_${id.slice('batch_'.length)}_`
  t.is(page.last, 4)
  t.true(page.text.includes(`"body":${body}}`), 'the body is the provider\'s, to the byte')
  t.deepEqual(page.text.trimEnd().split('\n').map(line => JSON.parse(line)), [
    { id: `${prefix}1`, custom_id: strange, response: { status_code: 200, request_id: strange, body: JSON.parse(body) }, error: null },
    { id: `${prefix}2`, custom_id: 'row 2', response: { status_code: 400, request_id: null, body: { error: {} } }, error: null },
    { id: `${prefix}3`, custom_id: 'row 3', response: null, error: { code: 'timeout', message: strange } },
    { id: `${prefix}4`, custom_id: 'row 4', response: null, error: { code: 'server_error', message: 'no JSON came' } }
  ])
})

test('output streams in line order over several pages and by filter', async t => {
  const lines = Array.from({ length: 4_300 }, (_, index) => index + 1)
  const { pool, id } = await batchWith(t, lines.map(line => line % 10 === 0 ? row(line, { state: 'error' }) : row(line)).reverse())
  for (const [filter, expected] of [['ok', lines.filter(line => line % 10 !== 0)], ['error', lines.filter(line => line % 10 === 0)], ['all', lines]] as const) {
    const seen: number[] = []
    for await (const { text } of streamOutput(pool, id, filter)) {
      seen.push(...text.trimEnd().split('\n').map(line => (JSON.parse(line) as { response: { body: { line: number } } }).response.body.line))
    }
    t.deepEqual(seen, expected)
  }
  t.true(await hasOutputAfter(pool, id, 'error', 4_299))
  t.false(await hasOutputAfter(pool, id, 'error', 4_300))
  t.false(await hasOutputAfter(pool, id, 'ok', 4_299))
})

test('a page ends early when its answers are large', async t => {
  const body = JSON.stringify('x'.repeat(3 * 1024 * 1024))
  const { pool, id } = await batchWith(t, [1, 2, 3, 4, 5].map(line => row(line, { body })))
  t.is((await firstPage(pool, id, 'ok')).last, 3)
  t.is((await firstPage(pool, id, 'ok', { from: 3 })).last, 5)
})

test('a page holds at most what was asked for, also across lines that have no row', async t => {
  const { pool, id } = await batchWith(t, [1, 2, 3, 40_000, 2_000_000].map(line => row(line)))
  t.is((await firstPage(pool, id, 'all', { limit: 2 })).last, 2)
  const pages: number[] = []
  for await (const page of streamOutput(pool, id, 'all', { limit: 2 })) pages.push(page.last)
  t.deepEqual(pages, [2, 3, 40_000, 2_000_000])
})
