import test from 'ava'
import type { UsageRecord } from '../../lib/contracts/usage.ts'
import { formatUsd } from '../../lib/domain/price.ts'
import { usageQuery } from '../../lib/store/usage-report.ts'
import { DAY, isBatch, today } from '../lib/store/_usage.ts'
import { openUsageApp, type UsageApp } from './_usage-app.ts'

let api: UsageApp
const undo: Array<() => Promise<void> | void> = []
test.before(async () => { api = await openUsageApp({ teardown: work => { undo.unshift(work as () => Promise<void>) } }) })
test.after.always(async () => { for (const work of undo) await work() })

const range = `from=${new Date(today - 5 * DAY).toISOString()}&to=${new Date(today + DAY).toISOString()}`
type Row = Record<string, string | number | null>
interface Report { data: Row[], has_more: boolean, next_cursor: string | null, code?: string, params?: unknown }

async function get (query: string, key = 'whole'): Promise<{ status: number, body: Report }> {
  const response = await fetch(`${api.url}/api/v1/usage?${query}`, { headers: { authorization: `Bearer ${key}` } })
  return { status: response.status, body: await response.json() as Report }
}

const mean = (values: Array<number | null>): number | null => {
  const known = values.filter(value => value !== null)
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length
}

/** The sums that a plain reduction gives. */
function reduce (records: readonly UsageRecord[]): Row {
  const total = (of: (record: UsageRecord) => number | undefined): number => records.reduce((sum, record) => sum + (of(record) ?? 0), 0)
  const latency = mean(records.map(record => isBatch(record) ? null : record.latencyMs))
  const first = mean(records.map(record => record.firstTokenMs))
  return {
    requests: records.length,
    errors: total(record => record.status >= 400 ? 1 : 0),
    cached: total(record => record.cached ? 1 : 0),
    batch: total(record => isBatch(record) ? 1 : 0),
    input_tokens: total(record => record.usage.inputTokens),
    cached_input_tokens: total(record => record.usage.cachedInputTokens),
    cache_write_tokens: total(record => record.usage.cacheWriteTokens),
    output_tokens: total(record => record.usage.outputTokens),
    reasoning_tokens: total(record => record.usage.reasoningTokens),
    audio_tokens: total(record => (record.usage.inputAudioTokens ?? 0) + (record.usage.outputAudioTokens ?? 0)),
    cost_usd: formatUsd(records.reduce((sum, record) => sum + BigInt(record.cost ?? 0), 0n)),
    unpriced: total(record => record.cost === null ? 1 : 0),
    avg_latency_ms: latency === null ? null : Math.round(latency),
    avg_first_token_ms: first === null ? null : Math.round(first)
  }
}

function reduceBy (records: readonly UsageRecord[], keys: Record<string, (record: UsageRecord) => string | null>): Row[] {
  const groups = new Map<string, { group: Row, records: UsageRecord[] }>()
  for (const record of records) {
    const group = Object.fromEntries(Object.entries(keys).map(([name, of]) => [name, of(record)]))
    const sortKey = Object.values(group).map(value => value ?? '').join('\0')
    const entry = groups.get(sortKey) ?? { group, records: [] }
    entry.records.push(record)
    groups.set(sortKey, entry)
  }
  return [...groups].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))).map(([, { group, records }]) => ({ ...group, ...reduce(records) }))
}

const ofA = (): UsageRecord[] => api.records.filter(record => record.organizationId === 'org_a')
const day = (record: UsageRecord): string => new Date(record.createdAt).toISOString().slice(0, 10)

test('sums of requests and batch rows are those of a plain reduction, for every grouping', async t => {
  t.deepEqual((await get(`${range}&scope=organization`)).body.data, [reduce(ofA())])
  t.deepEqual((await get(`${range}&scope=organization&group_by=day`)).body.data, reduceBy(ofA(), { day }))
  t.deepEqual((await get(`${range}&scope=organization&group_by=hour&limit=1000`)).body.data,
    reduceBy(ofA(), { hour: record => `${new Date(record.createdAt).toISOString().slice(0, 13)}:00:00Z` }))
  t.deepEqual((await get(`${range}&scope=organization&group_by=model,provider&limit=1000`)).body.data,
    reduceBy(ofA(), { model: record => record.model, provider: record => record.provider }))
  t.deepEqual((await get(`${range}&scope=organization&group_by=project,key,end_user,endpoint&limit=1000`)).body.data,
    reduceBy(ofA(), { project: record => record.projectId, key: record => record.keyId, end_user: record => record.endUser, endpoint: record => record.endpoint }))
})

test('filters narrow usage, several values of one being any of them', async t => {
  const wanted = ofA().filter(record => record.projectId === 'proj_a2' && ['sim-fast', 'sim-slow'].includes(record.model) && record.status === 200)
  t.deepEqual((await get(`${range}&project=proj_a2&model=sim-fast&model=sim-slow&status=200`)).body.data, [reduce(wanted)])
  t.true(wanted.length > 10)
  const some = ofA().filter(record => record.provider === 'other' && record.endUser === 'ü' && record.endpoint === '/v1/messages' && record.keyId === 'key_a2')
  t.deepEqual((await get(`${range}&scope=organization&provider=other&end_user=%C3%BC&endpoint=/v1/messages&key=key_a2`)).body.data, [reduce(some)])
})

test('pages of usage together are the whole report', async t => {
  const whole = (await get(`${range}&scope=organization&group_by=day,end_user,key&limit=1000`)).body
  t.true(whole.data.length > 20 && !whole.has_more && whole.next_cursor === null)
  const rows: Row[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const { body }: { body: Report } = await get(`${range}&scope=organization&group_by=day,end_user,key&limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`)
    rows.push(...body.data)
    cursor = body.next_cursor
  }
  t.deepEqual(rows, whole.data)
  for (const bad of ['x', Buffer.from('["a"]').toString('base64url'), Buffer.from('["a","\\u0000","c"]').toString('base64url')]) {
    t.is((await get(`${range}&group_by=day,end_user,key&cursor=${bad}`)).body.code, 'invalid_parameter')
  }
})

test('usage of another organization is never seen, and of another project only with the scope organization', async t => {
  t.deepEqual((await get(range, 'plain')).body.data, [reduce(ofA().filter(record => record.projectId === 'proj_a1'))])
  for (const query of ['scope=organization', 'project=proj_a2', 'project=proj_a1&project=proj_b1']) {
    t.like(await get(`${range}&${query}`, 'plain'), { status: 403, body: { code: 'insufficient_scope', params: { scope: 'organization' } } })
  }
  t.like(await get(range, 'files'), { status: 403, body: { params: { scope: 'usage' } } })
  t.is((await get(`${range}&project=proj_b1&project=proj_b2`)).body.data[0]?.requests, 0)
  t.deepEqual((await get(`${range}&scope=organization&group_by=project`, 'other')).body.data.map(row => row.project), ['proj_b1', 'proj_b2'])
})

test('ranges and groups that make no sense are refused', async t => {
  const wide = (days: number): string => `from=${new Date(today - days * DAY).toISOString()}&to=${new Date(today).toISOString()}`
  t.is((await get(wide(400))).status, 200)
  t.is((await get(wide(401))).body.code, 'invalid_parameter')
  t.is((await get(`${wide(31)}&group_by=hour`)).status, 200)
  for (const query of [`${wide(32)}&group_by=hour`, wide(0), wide(-1), 'group_by=secret', 'group_by=day;', 'from=yesterday', 'limit=1001', 'unknown=1', 'model=%00']) {
    t.like(await get(query), { status: 400, body: { code: 'invalid_parameter' } }, query)
  }
})

test('CSV has every group, quoted, and no cell that a spreadsheet takes for a formula', async t => {
  const report = await get(`${range}&scope=organization&group_by=end_user,model&limit=1000`)
  const response = await fetch(`${api.url}/api/v1/usage?${range}&scope=organization&group_by=end_user,model&limit=1`, { headers: { authorization: 'Bearer whole', accept: 'text/csv' } })
  t.is(response.headers.get('content-type'), 'text/csv; charset=utf-8')
  const lines = (await response.text()).split('\r\n')
  t.is(lines.pop(), '')
  const header = lines[0]!.split(',')
  t.deepEqual([header.slice(0, 2), header.toSorted()], [['end_user', 'model'], Object.keys(report.body.data[0]!).sort()])
  t.is(lines.length, report.body.data.length + 1)
  const safe = (text: string): string => text.replace('=1+1', '\'=1+1').replace('user "x", y', '"user ""x"", y"')
  t.deepEqual(lines.slice(1), report.body.data.map(row => header.map(name => safe(String(row[name] ?? ''))).join(',')))
})

test('a report reads only the partitions of its range', async t => {
  const { text, values } = usageQuery({ organizationId: 'org_a', from: new Date(today - DAY), to: new Date(today) }, ['model'], null, 10)
  const { rows } = await api.pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values)
  const plan = rows.map(row => row['QUERY PLAN']).join('\n')
  t.deepEqual([...new Set(plan.match(/usage_\d{8}/g))].length, 1, plan)
})
