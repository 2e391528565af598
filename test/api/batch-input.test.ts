import test from 'ava'
import { toFile } from 'openai'
import { batchWorkflowId } from '../../lib/contracts/workflows.ts'
import { startTestApi, type TestApi } from '../support/api.ts'
import { chatRow, followJob, jsonLines, readOutput, runBatch, uploadInput, waitFor } from '../support/api-batch.ts'
import { createTestTenant } from '../support/tenant.ts'

const maxRows = 20
let api: TestApi
/** Its input file was deleted before there was a worker to begin it. */
let orphanedBatch: string
test.before(async () => {
  api = await startTestApi({ variables: { SIRA_BATCH_MAX_ROWS: String(maxRows), SIRA_BATCH_OPEN_CHUNKS: '1' } })
  const fileId = await uploadInput(api, jsonLines([chatRow('a')]))
  orphanedBatch = (await createBatch(fileId)).id
  await api.openai().files.delete(fileId)
  await api.startWorker()
})
test.after.always(async () => { await api.close() })

async function createBatch (fileId: string): Promise<{ id: string }> {
  return await api.openai().batches.create({ input_file_id: fileId, endpoint: '/v1/chat/completions', completion_window: '24h' })
}

type Fault = readonly [code: string, line: number | null, param: string | null]

/** The batch has failed with exactly these faults, its workflow has ended, and nothing was called. */
async function assertFailed (t: { deepEqual: (actual: unknown, expected: unknown) => void, is: (actual: unknown, expected: unknown) => void, true: (value: boolean) => void }, id: string, faults: readonly Fault[]): Promise<void> {
  const events = (await followJob(api, id)).map(message => message.event)
  t.deepEqual(events.filter(event => event !== 'progress'), ['batch.created', 'batch.failed'])
  const batch = await api.openai().batches.retrieve(id)
  t.is(batch.status, 'failed')
  t.true(Number.isInteger(batch.failed_at))
  t.deepEqual(batch.errors!.data!.map(({ code, line, param }) => [code, line, param]), faults)
  t.true(batch.errors!.data!.every(error => error.message !== ''))
  t.deepEqual([batch.output_file_id ?? null, batch.error_file_id ?? null], [null, null])
  t.deepEqual(batch.request_counts, { total: 0, completed: 0, failed: 0 })
  await api.app.dependencies.temporal.workflow.getHandle(batchWorkflowId(id)).result()
  t.is((await api.pool.query('SELECT FROM outbox WHERE resource_id = $1', [id])).rowCount, 0)
  t.is(api.simulator.calls({ prefix: id }).length, 0)
}

const good = (id: string): string => jsonLines([chatRow(id)])
const line = (fields: object): string => jsonLines([{ ...chatRow('x'), ...fields }])

const badInputs: ReadonlyArray<{ title: string, content: string | Buffer, faults: readonly Fault[] }> = [
  { title: 'an empty file', content: '', faults: [['empty_file', null, null]] },
  { title: 'a file of blank lines', content: '\n \r\n\t\n', faults: [['empty_file', null, null]] },
  { title: 'invalid UTF-8', content: Buffer.concat([Buffer.from(good('a')), Buffer.from([0x7b, 0xff, 0xfe, 0x7d, 0x0a])]), faults: [['invalid_utf8', 2, null]] },
  { title: 'invalid JSON', content: good('a') + good('b') + '{"custom_id": \n' + good('c'), faults: [['invalid_json_line', 3, null]] },
  { title: 'a line that is no object', content: good('a') + '[1]\n', faults: [['invalid_json_line', 2, null]] },
  { title: 'no custom_id', content: good('a') + line({ custom_id: undefined }), faults: [['missing_custom_id', 2, 'custom_id']] },
  { title: 'a custom_id twice', content: good('a') + good('b') + good('a'), faults: [['duplicate_custom_id', 3, 'custom_id']] },
  { title: 'an unknown model', content: good('a') + line({ body: { model: 'gpt-none', messages: [] } }), faults: [['model_not_found', 2, 'body.model']] },
  { title: 'no model', content: line({ body: { messages: [] } }), faults: [['missing_model', 1, 'body.model']] },
  { title: 'a url other than the batch\'s', content: good('a') + line({ url: '/v1/embeddings' }), faults: [['invalid_url', 2, 'url']] },
  { title: 'a method other than POST', content: line({ method: 'GET' }), faults: [['invalid_method', 1, 'method']] },
  { title: 'no body', content: line({ body: undefined }), faults: [['missing_body', 1, 'body']] },
  { title: 'more rows than allowed', content: Array.from({ length: maxRows + 1 }, (_, index) => good(`r${index}`)).join(''), faults: [['too_many_rows', null, null]] },
  { title: 'a line of 5 MB', content: good('a') + jsonLines([chatRow('b', { prompt: 'x'.repeat(5_000_000) })]) + good('c'), faults: [['line_too_large', 2, null]] },
  { title: 'stream: true', content: good('a') + jsonLines([chatRow('b', { stream: true })]), faults: [['stream_not_supported', 2, 'body.stream']] },
  { title: 'a body nested very deep', content: line({ body: 'DEEP' }).replace('"DEEP"', `{"model":"sim-instant","messages":${'['.repeat(20_000)}${']'.repeat(20_000)}}`), faults: [['invalid_request', 1, 'body']] },
  {
    title: 'several faults, which are told in the order of the lines',
    content: line({ url: '/v1/embeddings' }) + 'x\n' + line({ custom_id: 'y', body: { model: 'gpt-none' } }),
    faults: [['invalid_url', 1, 'url'], ['invalid_json_line', 2, null], ['model_not_found', 3, 'body.model']]
  }
]

for (const { title, content, faults } of badInputs) {
  test(`a batch fails with code and line for ${title}`, async t => {
    await assertFailed(t, (await createBatch(await uploadInput(api, content))).id, faults)
  })
}

test('a batch whose input file was deleted before it began fails', async t => {
  await assertFailed(t, orphanedBatch, [['file_not_found', null, 'input_file_id']])
})

test('a batch over a file of another tenant fails as over one that never was', async t => {
  const { key } = await createTestTenant(api.pool)
  const foreign = await uploadInput(api, good('secret-row'), key)
  const batches = [await createBatch(foreign), await createBatch('file-never')]
  for (const { id } of batches) await assertFailed(t, id, [['file_not_found', null, 'input_file_id']])
  const [one, other] = await Promise.all(batches.map(async ({ id }) => (await api.openai().batches.retrieve(id)).errors!.data![0]!.message!))
  t.is(one!.replace(foreign, 'ID'), other!.replace('file-never', 'ID'))
})

test('a batch over a file with another purpose fails', async t => {
  const { id: fileId } = await api.openai().files.create({ file: await toFile(Buffer.from(good('a'))), purpose: 'assistants' })
  await assertFailed(t, (await createBatch(fileId)).id, [['invalid_file_purpose', null, 'input_file_id']])
})

const goodInputs: ReadonlyArray<{ title: string, content: string | Buffer }> = [
  { title: 'no newline at the end', content: (good('a') + good('b')).trimEnd() },
  { title: 'CRLF', content: (good('a') + good('b')).replaceAll('\n', '\r\n') },
  { title: 'a byte order mark', content: Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(good('a') + good('b'))]) },
  { title: 'blank lines', content: `\n${good('a')}\n  \n${good('b')}\n\n` }
]

for (const { title, content } of goodInputs) {
  test(`a batch runs over a file with ${title}`, async t => {
    const batch = await runBatch(api, content)
    t.like(batch, { status: 'completed', request_counts: { total: 2, completed: 2, failed: 0 } })
    t.deepEqual((await readOutput(api, batch.output_file_id)).map(answer => answer.custom_id), ['a', 'b'])
  })
}

test('a file deleted while its batch runs is read to the end all the same', async t => {
  const padding = 'x'.repeat(2_200_000) // more than a chunk, so the second row is read only after the first is done
  const fileId = await uploadInput(api, jsonLines([chatRow('a', { prompt: `[[sim:delay=1500]]${padding}` }), chatRow('b')]))
  const { id } = await createBatch(fileId)
  await waitFor(async () => api.simulator.calls({ prefix: id }).length === 1)
  await api.openai().files.delete(fileId)
  t.is(api.simulator.calls({ prefix: id }).length, 1)
  await followJob(api, id)
  const batch = await api.openai().batches.retrieve(id)
  t.like(batch, { status: 'completed', request_counts: { total: 2, completed: 2, failed: 0 } })
  await t.throwsAsync(api.openai().files.content(fileId), { message: /404/ })
})
