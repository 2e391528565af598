import test from 'ava'
import OpenAI from 'openai'
import type { UsageRecord } from '../../lib/contracts/usage.ts'
import { DAY, isBatch, today } from '../lib/store/_usage.ts'
import { openUsageApp, type UsageApp } from './_usage-app.ts'

let api: UsageApp
const undo: Array<() => Promise<void> | void> = []
test.before(async () => { api = await openUsageApp({ teardown: work => { undo.unshift(work as () => Promise<void>) } }) })
test.after.always(async () => { for (const work of undo) await work() })

const client = (adminAPIKey = 'whole') => new OpenAI({ adminAPIKey, apiKey: 'none', baseURL: `${api.url}/v1`, maxRetries: 0 }).admin.organization.usage
const start = (today - 4 * DAY) / 1000
const end = today / 1000 + 3_600
const sum = (records: readonly UsageRecord[], of: (record: UsageRecord) => number): number => records.reduce((total, record) => total + of(record), 0)
const completions = (): UsageRecord[] => api.records.filter(record =>
  record.organizationId === 'org_a' && record.provider !== null && !['/v1/embeddings', '/v1/moderations'].includes(record.endpoint))
const within = (record: UsageRecord, bucket: { start_time: number, end_time: number }): boolean => record.createdAt >= bucket.start_time * 1000 && record.createdAt < bucket.end_time * 1000

test('the OpenAI client reads completions by day, project and batch, and pages through them', async t => {
  const buckets = []
  let page: string | null = null
  do {
    const answer: Awaited<ReturnType<ReturnType<typeof client>['completions']>> =
      await client().completions({ start_time: start + 1_800, end_time: end, limit: 2, group_by: ['project_id', 'batch'], ...(page === null ? {} : { page }) })
    t.is(answer.object, 'page')
    t.true(answer.data.length <= 2)
    buckets.push(...answer.data)
    page = answer.next_page
    t.is(answer.has_more, page !== null)
  } while (page !== null)
  t.deepEqual(buckets.map(bucket => [bucket.start_time, bucket.end_time]),
    [[start + 1_800, start + 86_400], [start + 86_400, start + 172_800], [start + 172_800, start + 259_200], [start + 259_200, start + 345_600], [start + 345_600, end]])
  let found = 0
  for (const bucket of buckets) {
    for (const result of bucket.results) {
      if (result.object !== 'organization.usage.completions.result') return t.fail(result.object)
      const own = completions().filter(record => within(record, bucket) && record.projectId === result.project_id && isBatch(record) === result.batch)
      t.like(result, {
        num_model_requests: own.length,
        input_tokens: sum(own, record => record.usage.inputTokens),
        output_tokens: sum(own, record => record.usage.outputTokens),
        input_cached_tokens: sum(own, record => record.usage.cachedInputTokens),
        input_cache_write_tokens: sum(own, record => record.usage.cacheWriteTokens ?? 0),
        input_audio_tokens: sum(own, record => record.usage.inputAudioTokens ?? 0),
        output_audio_tokens: sum(own, record => record.usage.outputAudioTokens ?? 0),
        model: null, user_id: null, api_key_id: null
      })
      found += own.length
    }
  }
  t.is(found, completions().length)
})

test('embeddings and moderations are counted apart, and filters narrow them', async t => {
  for (const [kind, endpoint] of [['embeddings', '/v1/embeddings'], ['moderations', '/v1/moderations']] as const) {
    const { data } = await client()[kind]({ start_time: start, end_time: end, models: ['sim-fast', 'sim-slow'], project_ids: ['proj_a1'], api_key_ids: ['key_a1', 'key_a2'], user_ids: ['ü'], group_by: ['model', 'user_id'] })
    const own = api.records.filter(record => record.organizationId === 'org_a' && record.endpoint === endpoint && record.provider !== null &&
      record.model !== 'sim-other' && record.projectId === 'proj_a1' && record.keyId !== 'key_a3' && record.endUser === 'ü')
    const results = data.flatMap(bucket => bucket.results) as Array<{ object: string, num_model_requests: number, input_tokens: number, user_id: string }>
    t.is(results.reduce((total, result) => total + result.num_model_requests, 0), own.length)
    t.is(results.reduce((total, result) => total + result.input_tokens, 0), sum(own, record => record.usage.inputTokens))
    t.true(own.length > 0 && results.every(result => result.object === `organization.usage.${kind}.result` && result.user_id === 'ü'))
  }
})

test('costs are told by day and line item in USD', async t => {
  const { data } = await client().costs({ start_time: start, end_time: end, group_by: ['line_item'] })
  let picodollars = 0
  for (const bucket of data) {
    for (const result of bucket.results) {
      if (result.object !== 'organization.costs.result') return t.fail(result.object)
      const own = api.records.filter(record => record.organizationId === 'org_a' && within(record, bucket) && record.model === result.line_item)
      const cost = own.reduce((total, record) => total + BigInt(record.cost ?? 0), 0n)
      t.deepEqual(result.amount, { value: Number(cost) / 1e12, currency: 'usd' })
      picodollars += Number(cost)
    }
  }
  t.true(picodollars > 0)
})

test('kinds of usage that Sira has none of answer empty buckets', async t => {
  for (const kind of ['images', 'audioSpeeches', 'audioTranscriptions', 'vectorStores', 'codeInterpreterSessions', 'fileSearchCalls', 'webSearchCalls'] as const) {
    const page = await client()[kind]({ start_time: start, end_time: start + 86_400 })
    t.deepEqual(page.data.map(bucket => bucket.results), [[]], kind)
  }
})

test('usage by OpenAI\'s shapes needs the scope organization and stays within it', async t => {
  await t.throwsAsync(client('plain').completions({ start_time: start }), { instanceOf: OpenAI.PermissionDeniedError })
  const { data } = await client('other').completions({ start_time: start, end_time: end, group_by: ['project_id'] })
  t.deepEqual([...new Set(data.flatMap(bucket => bucket.results.map(result => 'project_id' in result ? result.project_id : null)))].sort(), ['proj_b1', 'proj_b2'])
})

test('buckets of a minute and an hour have their own numbers, and bad pages are refused', async t => {
  const hours = await client().completions({ start_time: start, bucket_width: '1h' })
  t.is(hours.data.length, 24)
  const minutes = await client().completions({ start_time: start, bucket_width: '1m', limit: 5_000 })
  t.is(minutes.data.length, 1_440)
  for (const bad of [{ page: 'x' }, { page: 'page_0' }, { end_time: start }]) await t.throwsAsync(client().completions({ start_time: start, ...bad }), { instanceOf: OpenAI.BadRequestError })
})
