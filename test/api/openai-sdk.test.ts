import test from 'ava'
import OpenAI, { toFile } from 'openai'
import type { Batch } from 'openai/resources/batches'
import { startTestApi, type TestApi } from '../support/api.ts'
import { chatRow, followJob, jsonLines, readOutput, runBatch, uploadInput, waitFor } from '../support/api-batch.ts'
import { createTestTenant } from '../support/tenant.ts'

let api: TestApi
test.before(async () => { api = await startTestApi({ worker: true, variables: { SIRA_BATCH_GRACE_MS: '200' } }) })
test.after.always(async () => { await api.close() })

async function idsOf (list: AsyncIterable<{ id: string }>): Promise<string[]> {
  const ids = []
  for await (const { id } of list) ids.push(id)
  return ids
}

const rowsOf = (count: number): string => jsonLines(Array.from({ length: count }, (_, index) => chatRow(`row-${index}`, { prompt: `question ${index}` })))

test('the OpenAI SDK uploads a file, runs it as a batch and downloads the answers', async t => {
  const openai = api.openai()
  const file = await openai.files.create({ file: await toFile(Buffer.from(rowsOf(25)), 'questions.jsonl'), purpose: 'batch' })
  const created = await openai.batches.create({
    input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h', metadata: { team: 'search', run: '7' }
  })
  t.is(created.object, 'batch')
  t.is(created.status, 'validating')
  t.is(created.input_file_id, file.id)
  t.deepEqual(created.metadata, { team: 'search', run: '7' })
  t.deepEqual(created.request_counts, { total: 0, completed: 0, failed: 0 })

  await followJob(api, created.id)
  const batch = await openai.batches.retrieve(created.id)
  t.is(batch.status, 'completed')
  t.is(batch.endpoint, '/v1/chat/completions')
  t.is(batch.completion_window, '24h')
  t.is(batch.expires_at! - batch.created_at, 24 * 3600)
  t.deepEqual(batch.request_counts, { total: 25, completed: 25, failed: 0 })
  t.is(batch.error_file_id ?? null, null)
  t.is(batch.errors ?? null, null)
  t.deepEqual(batch.metadata, { team: 'search', run: '7' })

  const answers = await readOutput(api, batch.output_file_id)
  t.deepEqual(answers.map(answer => answer.custom_id), Array.from({ length: 25 }, (_, index) => `row-${index}`))
  for (const { response, error } of answers) {
    t.is(error, null)
    t.is(response?.status_code, 200)
    t.is(response?.body.object, 'chat.completion')
  }
  const sum = (field: string): number => answers.reduce((total, { response }) => total + response!.body.usage[field], 0)
  t.is(batch.usage?.input_tokens, sum('prompt_tokens'))
  t.is(batch.usage?.output_tokens, sum('completion_tokens'))
  t.is(batch.usage?.total_tokens, sum('total_tokens'))

  const output = await openai.files.retrieve(batch.output_file_id!)
  t.is(output.purpose, 'batch_output')
  t.is(output.expires_at, undefined)
  t.true((await idsOf(openai.files.list({ purpose: 'batch_output' }))).includes(output.id))
})

test('a file sent in parts is the input of a batch', async t => {
  const openai = api.openai()
  const bytes = Buffer.from(rowsOf(4))
  const upload = await openai.uploads.create({ filename: 'parts.jsonl', purpose: 'batch', bytes: bytes.length, mime_type: 'application/jsonl' })
  const cut = 100 // in the middle of a line
  const parts = []
  for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) parts.push(await openai.uploads.parts.create(upload.id, { data: await toFile(piece) }))
  const { file } = await openai.uploads.complete(upload.id, { part_ids: parts.map(part => part.id) })
  const { id } = await openai.batches.create({ input_file_id: file!.id, endpoint: '/v1/chat/completions', completion_window: '24h' })
  await followJob(api, id)
  t.like(await openai.batches.retrieve(id), { status: 'completed', request_counts: { total: 4, completed: 4, failed: 0 } })
})

test('a batch goes through the states of OpenAI in order, each told once with a rising seq', async t => {
  const { id } = await api.openai().batches.create({ input_file_id: await uploadInput(api, rowsOf(10)), endpoint: '/v1/chat/completions', completion_window: '24h' })
  const messages = await followJob(api, id)
  const events = messages.filter(message => message.event !== 'progress')
  t.deepEqual(events.map(message => message.event), ['batch.created', 'batch.in_progress', 'batch.finalizing', 'batch.completed'])
  t.deepEqual(events.map(message => message.data.type), events.map(message => message.event))
  const seqs = events.map(message => message.id)
  t.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b))
  t.like(messages.at(-1), { event: 'progress', data: { state: 'succeeded', counts: { total: 10, succeeded: 10, failed: 0 } } })
  const batch = await api.openai().batches.retrieve(id)
  const stamps = [batch.created_at, batch.in_progress_at!, batch.finalizing_at!, batch.completed_at!]
  t.true(stamps.every(Number.isInteger), stamps.join())
  t.deepEqual(stamps, [...stamps].sort((a, b) => a - b))
  for (const stamp of ['failed_at', 'expired_at', 'cancelling_at', 'cancelled_at'] as const) t.is(batch[stamp] ?? null, null, stamp)
})

const endpoints: ReadonlyArray<{ endpoint: Batch['endpoint'], body: object, check: (t: { is: (actual: unknown, expected: unknown) => void }, body: Body) => void, input: string, output: string | null }> = [
  { endpoint: '/v1/embeddings', body: { model: 'sim-embed', input: 'a text' }, check: (t, body) => { t.is(body.data[0].embedding.length, 256) }, input: 'prompt_tokens', output: null },
  { endpoint: '/v1/completions', body: { model: 'sim-instant', prompt: 'once upon' }, check: (t, body) => { t.is(body.object, 'text_completion') }, input: 'prompt_tokens', output: 'completion_tokens' },
  { endpoint: '/v1/responses', body: { model: 'sim-reasoning', input: 'why' }, check: (t, body) => { t.is(body.status, 'completed') }, input: 'input_tokens', output: 'output_tokens' }
]
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a provider's body
type Body = any

for (const { endpoint, body, check, input, output } of endpoints) {
  test(`a batch of ${endpoint} gives that endpoint's answers and adds up their usage`, async t => {
    const batch = await runBatch(api, jsonLines([1, 2].map(number => ({ custom_id: `row-${number}`, method: 'POST', url: endpoint, body }))), endpoint)
    t.like(batch, { status: 'completed', endpoint, request_counts: { total: 2, completed: 2, failed: 0 } })
    const answers = await readOutput(api, batch.output_file_id)
    for (const { response } of answers) check(t, response!.body)
    const sum = (field: string | null): number => field === null ? 0 : answers.reduce((total, { response }) => total + response!.body.usage[field], 0)
    t.true(sum(input) > 0)
    t.is(batch.usage!.input_tokens, sum(input))
    t.is(batch.usage!.output_tokens, sum(output))
    t.is(batch.usage!.total_tokens, sum(input) + sum(output))
    const details = answers.map(({ response }) => response!.body.usage)
    t.is(batch.usage!.output_tokens_details.reasoning_tokens, details.reduce((total, usage) => total + (usage.output_tokens_details?.reasoning_tokens ?? 0), 0))
    t.is(batch.usage!.input_tokens_details.cached_tokens, details.reduce((total, usage) => total + (usage.input_tokens_details?.cached_tokens ?? 0), 0))
    if (endpoint === '/v1/responses') t.true(batch.usage!.output_tokens_details.reasoning_tokens > 0)
  })
}

test('a batch of /v1/moderations gives that endpoint\'s answers, which use nothing', async t => {
  const batch = await runBatch(api, jsonLines([{ custom_id: 'a', method: 'POST', url: '/v1/moderations', body: { model: 'sim-moderation', input: 'violence' } }]), '/v1/moderations')
  t.is(batch.status, 'completed')
  const [answer] = await readOutput(api, batch.output_file_id)
  t.true(answer!.response!.body.results[0].categories.violence)
  t.is(batch.usage!.output_tokens, 0)
})

test('output_expires_after gives the output and error files an expiry', async t => {
  const input = await uploadInput(api, jsonLines([chatRow('good'), chatRow('bad', { prompt: '[[sim:400]]' })]))
  const { id } = await api.openai().batches.create({
    input_file_id: input, endpoint: '/v1/chat/completions', completion_window: '24h', output_expires_after: { anchor: 'created_at', seconds: 7_200 }
  })
  await followJob(api, id)
  const batch = await api.openai().batches.retrieve(id)
  t.is(batch.status, 'completed')
  for (const fileId of [batch.output_file_id!, batch.error_file_id!]) {
    const file = await api.openai().files.retrieve(fileId)
    t.true(Math.abs(file.expires_at! - file.created_at - 7_200) <= 1, fileId)
  }
  t.is((await api.openai().files.retrieve(input)).expires_at, undefined)
})

test('rows that fail are in the error file with the provider\'s answer, the others in the output file', async t => {
  const batch = await runBatch(api, jsonLines([chatRow('a'), chatRow('b', { prompt: '[[sim:400]]' }), chatRow('c')]))
  t.like(batch, { status: 'completed', request_counts: { total: 3, completed: 2, failed: 1 } })
  t.deepEqual((await readOutput(api, batch.output_file_id)).map(line => line.custom_id), ['a', 'c'])
  const errors = await readOutput(api, batch.error_file_id)
  t.deepEqual(errors.map(line => [line.custom_id, line.response?.status_code]), [['b', 400]])
  t.truthy(errors[0]!.response!.body.error.message)
})

test('when all rows fail the batch is completed, without output file and with an error file', async t => {
  const batch = await runBatch(api, jsonLines(['a', 'b', 'c'].map(id => chatRow(id, { prompt: '[[sim:422]]' }))))
  t.like(batch, { status: 'completed', request_counts: { total: 3, completed: 0, failed: 3 } })
  t.is(batch.output_file_id ?? null, null)
  const errors = await readOutput(api, batch.error_file_id)
  t.deepEqual(errors.map(line => line.custom_id), ['a', 'b', 'c'])
  t.deepEqual(errors.map(line => line.response?.status_code), [422, 422, 422])
  t.is(batch.usage!.total_tokens, 0)
})

test('the OpenAI SDK pages through batches, newest first, without gap or repetition', async t => {
  const { key } = await createTestTenant(api.pool)
  const openai = api.openai(key)
  const created: string[] = []
  for (let index = 0; index < 5; index++) {
    created.unshift((await openai.batches.create({ input_file_id: 'file-none', endpoint: '/v1/embeddings', completion_window: '24h' })).id)
  }
  const page = await openai.batches.list({ limit: 2 })
  t.deepEqual(page.data.map(batch => batch.id), created.slice(0, 2))
  t.true(page.has_more)
  t.deepEqual(await idsOf(openai.batches.list({ limit: 2 })), created)
  t.deepEqual(await idsOf(openai.batches.list({ limit: 5 })), created)
  t.deepEqual(await idsOf(openai.batches.list({ after: created[2]! })), created.slice(3))
})

test('a cancelled batch goes over cancelling to cancelled, keeps what finished and says what is not known', async t => {
  const rows = [...['a', 'b', 'c'].map(id => chatRow(id)), chatRow('hangs', { prompt: '[[sim:hang]]' })]
  const openai = api.openai()
  const { id } = await openai.batches.create({ input_file_id: await uploadInput(api, jsonLines(rows)), endpoint: '/v1/chat/completions', completion_window: '24h' })
  await waitFor(async () => (await openai.batches.retrieve(id)).request_counts!.completed === 3)
  await waitFor(async () => api.simulator.calls({ prefix: id }).length === 4)
  const asked = await openai.batches.cancel(id)
  t.is(asked.status, 'cancelling')
  t.truthy(asked.cancelling_at)
  t.regex((await openai.batches.cancel(id)).status, /^cancell(ing|ed)$/)
  const events = (await followJob(api, id)).filter(message => message.event !== 'progress').map(message => message.event)
  t.deepEqual(events, ['batch.created', 'batch.in_progress', 'batch.cancelling', 'batch.finalizing', 'batch.cancelled'])
  const batch = await openai.batches.retrieve(id)
  t.like(batch, { status: 'cancelled', request_counts: { total: 4, completed: 3, failed: 1 } })
  t.truthy(batch.cancelled_at)
  t.deepEqual((await readOutput(api, batch.output_file_id)).map(line => line.custom_id), ['a', 'b', 'c'])
  t.deepEqual((await readOutput(api, batch.error_file_id)).map(line => [line.custom_id, line.error?.code]), [['hangs', 'outcome_unknown']])
  t.is((await openai.batches.cancel(id)).status, 'cancelled')
})

test('the OpenAI SDK raises its own class for each kind of refusal, with code, param and request id', async t => {
  const openai = api.openai()
  const bad = await t.throwsAsync(openai.batches.create({ input_file_id: 'file-1', endpoint: '/v1/nothing' as '/v1/embeddings', completion_window: '24h' }), { instanceOf: OpenAI.BadRequestError })
  t.like(bad, { status: 400, code: 'invalid_parameter', param: 'endpoint', type: 'invalid_request_error' })
  t.regex(bad.requestID!, /^req_/)
  const stranger = await t.throwsAsync(api.openai('sira_nobody').batches.list(), { instanceOf: OpenAI.AuthenticationError })
  t.like(stranger, { status: 401, code: 'invalid_api_key' })
  for (const attempt of [async () => await openai.batches.retrieve('batch_0'), async () => await openai.files.content('file-0'), async () => await openai.models.retrieve('gpt-none')]) {
    t.is((await t.throwsAsync(attempt, { instanceOf: OpenAI.NotFoundError })).status, 404)
  }
})

test('cancelling a completed batch is a ConflictError after one request, although the SDK repeats conflicts', async t => {
  const batch = await runBatch(api, jsonLines([chatRow('only')]))
  let requests = 0
  const openai = api.openai(api.key, {
    maxRetries: 2,
    fetch: async (url, init) => {
      requests++
      return await fetch(url, init)
    }
  })
  const error = await t.throwsAsync(openai.batches.cancel(batch.id), { instanceOf: OpenAI.ConflictError })
  t.is(requests, 1)
  t.is(error.headers?.get('x-should-retry'), 'false')
  t.is(error.code, 'state_conflict')
  t.regex(error.message, /completed/)
})

test('the OpenAI SDK lists and reads the configured models', async t => {
  const ids = await idsOf(api.openai().models.list())
  t.true(ids.includes('sim-fast') && ids.includes('sim-embed'))
  t.like(await api.openai().models.retrieve('sim-fast'), { id: 'sim-fast', object: 'model', owned_by: 'simulator' })
})
