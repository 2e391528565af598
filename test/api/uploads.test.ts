import { createHash } from 'node:crypto'
import test from 'ava'
import OpenAI, { toFile } from 'openai'
import { line } from '../lib/batch-input/_rows.ts'
import { form, openFilesApp, postForm } from './_files-app.ts'
import type { FilesApp } from './_files-app.ts'

const jsonl = `${line('a')}\n${line('b')}\n`
const [first, second] = [jsonl.slice(0, 100), jsonl.slice(100)]

async function begin (app: FilesApp, changes: Partial<OpenAI.UploadCreateParams> = {}): Promise<OpenAI.Upload> {
  return await app.openai.uploads.create({ filename: 'input.jsonl', purpose: 'batch', bytes: jsonl.length, mime_type: 'application/jsonl', ...changes })
}

async function add (app: FilesApp, upload: OpenAI.Upload, content: string | Buffer): Promise<string> {
  return (await app.openai.uploads.parts.create(upload.id, { data: await toFile(Buffer.from(content), 'part') })).id
}

test('the OpenAI SDK sends a file in parts, in any order, and completes it', async t => {
  const app = await openFilesApp(t)
  const upload = await begin(app, { expires_after: { anchor: 'created_at', seconds: 3_600 } })
  t.regex(upload.id, /^upload_[0-9a-f]{32}$/)
  t.like(upload, { object: 'upload', status: 'pending', bytes: jsonl.length, filename: 'input.jsonl', purpose: 'batch' })
  t.is(upload.expires_at, upload.created_at + 3_600)
  t.false('file' in upload)

  const b = await add(app, upload, second)
  const stray = await add(app, upload, 'never used')
  const a = await add(app, upload, first)
  t.regex(stray, /^part_/)
  const md5 = createHash('md5').update(jsonl).digest('hex')
  const completed = await app.openai.uploads.complete(upload.id, { part_ids: [a, b], md5 })
  t.is(completed.status, 'completed')
  const file = completed.file!
  t.like(file, { object: 'file', bytes: jsonl.length, filename: 'input.jsonl', purpose: 'batch', status: 'processed' })
  t.is(file.expires_at, file.created_at + 3_600)
  t.deepEqual(await app.openai.files.retrieve(file.id), file)
  t.is(await (await app.openai.files.content(file.id)).text(), jsonl)

  const { rows } = await app.pool.query('SELECT rows, error_count FROM file_index WHERE file_id = $1', [file.id])
  t.deepEqual(rows, [{ rows: 2, error_count: 0 }])
  t.is((await app.contents()).keys.length, 1)
  t.is((await app.pool.query('SELECT FROM upload_part')).rows.length, 0)
})

test('a completion that the SDK repeats after a lost answer gets the same file, and one that it does not is a conflict', async t => {
  const app = await openFilesApp(t)
  const upload = await begin(app)
  const part = await add(app, upload, jsonl)
  const completed = await app.openai.uploads.complete(upload.id, { part_ids: [part] })
  const repeated = await app.openai.uploads.complete(upload.id, { part_ids: [part] }, { headers: { 'x-stainless-retry-count': '1' } })
  t.deepEqual(repeated, completed)
  await t.throwsAsync(app.openai.uploads.complete(upload.id, { part_ids: [part] }), { instanceOf: OpenAI.ConflictError, message: /Cannot complete a upload with status completed/ })
})

test('two completions at once make one file', async t => {
  const app = await openFilesApp(t)
  const upload = await begin(app)
  const part = await add(app, upload, jsonl)
  const outcomes = await Promise.allSettled([1, 2, 3].map(async () => await app.openai.uploads.complete(upload.id, { part_ids: [part] })))
  t.deepEqual(outcomes.map(outcome => outcome.status).sort(), ['fulfilled', 'rejected', 'rejected'])
  for (const outcome of outcomes) if (outcome.status === 'rejected') t.true(outcome.reason instanceof OpenAI.ConflictError)
  t.is((await app.openai.files.list()).data.length, 1)
  t.is((await app.contents()).keys.length, 1)
})

test('a completion that does not fit what was announced is refused and can be put right', async t => {
  const app = await openFilesApp(t)
  const upload = await begin(app)
  const [a, b] = [await add(app, upload, first), await add(app, upload, second)]
  const foreign = await add(app, await begin(app), first)
  const bad: ReadonlyArray<readonly [OpenAI.UploadCompleteParams, RegExp]> = [
    [{ part_ids: [a] }, /The parts have 100 bytes, and \d+ were announced/],
    [{ part_ids: [a, a] }, /part_ids/],
    [{ part_ids: [a, 'part_none'] }, /part_ids/],
    [{ part_ids: [foreign, b] }, /part_ids/],
    [{ part_ids: [] }, /part_ids/],
    [{ part_ids: [a, b], md5: 'zz' }, /md5/],
    [{ part_ids: [a, b], md5: '0'.repeat(32) }, /md5/]
  ]
  for (const [body, message] of bad) await t.throwsAsync(app.openai.uploads.complete(upload.id, body), { instanceOf: OpenAI.BadRequestError, message })
  t.is((await app.contents()).keys.filter(key => key.includes('.file-')).length, 0)
  t.is((await app.openai.uploads.complete(upload.id, { part_ids: [a, b] })).status, 'completed')
})

test('a cancelled upload loses its parts, takes no more, and can be cancelled again', async t => {
  const app = await openFilesApp(t)
  const upload = await begin(app)
  const part = await add(app, upload, first)
  t.is((await app.openai.uploads.cancel(upload.id)).status, 'cancelled')
  t.is((await app.openai.uploads.cancel(upload.id)).status, 'cancelled')
  t.deepEqual(await app.contents(), { keys: [], unfinished: [] })
  await t.throwsAsync(add(app, upload, first), { instanceOf: OpenAI.ConflictError, message: /Cannot add a part to/ })
  await t.throwsAsync(app.openai.uploads.complete(upload.id, { part_ids: [part] }), { instanceOf: OpenAI.ConflictError })
  t.deepEqual(await app.contents(), { keys: [], unfinished: [] })
})

test('a completed upload cannot be cancelled, and the SDK is told not to try again', async t => {
  const app = await openFilesApp(t)
  const upload = await begin(app)
  await app.openai.uploads.complete(upload.id, { part_ids: [await add(app, upload, jsonl)] })
  const error = await t.throwsAsync(app.openai.uploads.cancel(upload.id), { instanceOf: OpenAI.ConflictError })
  t.is((error as InstanceType<typeof OpenAI.APIError>).headers?.get('x-should-retry'), 'false')
})

test('an upload whose hour is over reads as expired and takes nothing', async t => {
  const app = await openFilesApp(t)
  const upload = await begin(app)
  const part = await add(app, upload, jsonl)
  await app.pool.query("UPDATE upload SET expires_at = now() - interval '1 second'")
  for (const call of [async () => await add(app, upload, first), () => app.openai.uploads.complete(upload.id, { part_ids: [part] }), () => app.openai.uploads.cancel(upload.id)]) {
    await t.throwsAsync(call, { instanceOf: OpenAI.ConflictError, message: /with status expired/ })
  }
})

test('another tenant\'s upload does not exist', async t => {
  const app = await openFilesApp(t)
  const upload = await begin(app)
  const part = await add(app, upload, jsonl)
  const other = { ...app, openai: app.otherTenant }
  for (const call of [async () => await add(other, upload, first), () => app.otherTenant.uploads.complete(upload.id, { part_ids: [part] }), () => app.otherTenant.uploads.cancel(upload.id)]) {
    await t.throwsAsync(call, { instanceOf: OpenAI.NotFoundError })
  }
})

test('parts beyond 64 MB, or beyond twice the announced size and a part, are refused and leave nothing', async t => {
  const app = await openFilesApp(t)
  const upload = await begin(app)
  const limit = 64 * 1024 * 1024
  await t.throwsAsync(add(app, upload, Buffer.alloc(limit + 1)), { instanceOf: OpenAI.APIError, message: /413/ })
  t.deepEqual(await app.contents(), { keys: [], unfinished: [] })
  await app.pool.query('INSERT INTO upload_part (id, upload_id, bytes, object_key) VALUES ($1, $2, $3, $1)', ['part_huge', upload.id, limit + 2 * jsonl.length])
  await t.throwsAsync(add(app, upload, 'x'), { instanceOf: OpenAI.APIError, message: /413/ })
  t.deepEqual(await app.contents(), { keys: [], unfinished: [] })
})

test('an upload of more than the file limit, of nothing, or with an unknown purpose is refused', async t => {
  const app = await openFilesApp(t, { variables: { SIRA_FILE_LIMIT_BYTES: '5000' } })
  await t.throwsAsync(begin(app, { bytes: 5_001 }), { instanceOf: OpenAI.APIError, message: /413/ })
  await t.throwsAsync(begin(app, { bytes: 0 }), { instanceOf: OpenAI.BadRequestError, message: /bytes/ })
  await t.throwsAsync(begin(app, { purpose: 'fun' as 'batch' }), { instanceOf: OpenAI.BadRequestError, message: /purpose/ })
  t.is((await begin(app, { bytes: 5_000 })).status, 'pending')
})

test('a part needs its data', async t => {
  const app = await openFilesApp(t)
  const upload = await begin(app)
  const answer = await postForm(app, `/uploads/${upload.id}/parts`, form('b', ['name="data"', 'a field']))
  t.like(answer, { status: 400, body: { error: { code: 'missing_parameter', param: 'data' } } })
})
