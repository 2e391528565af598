import { createHash } from 'node:crypto'
import test from 'ava'
import OpenAI, { toFile } from 'openai'
import { line } from '../lib/batch-input/_rows.ts'
import { form, openFilesApp, postForm } from './_files-app.ts'

const jsonl = `${line('a')}\n${line('b')}\n`

test('the OpenAI SDK creates, reads, downloads and deletes a file', async t => {
  const { openai, contents } = await openFilesApp(t)
  const before = Math.floor(Date.now() / 1000)
  const created = await openai.files.create({ file: await toFile(Buffer.from(jsonl), 'input.jsonl'), purpose: 'batch' })
  t.regex(created.id, /^file-[0-9a-f]{32}$/)
  const { id, created_at: createdAt, ...rest } = created
  t.true(createdAt >= before && createdAt <= before + 60)
  t.deepEqual(rest, { object: 'file', bytes: Buffer.byteLength(jsonl), filename: 'input.jsonl', purpose: 'batch', status: 'processed' })
  t.deepEqual(await openai.files.retrieve(id), created)
  t.deepEqual(await openai.files.waitForProcessing(id), created)

  const content = await openai.files.content(id)
  t.is(content.headers.get('content-length'), String(created.bytes))
  t.is(await content.text(), jsonl)

  t.deepEqual(await openai.files.delete(id), { id, object: 'file', deleted: true } as never)
  t.deepEqual((await contents()).keys, [])
  for (const call of [() => openai.files.retrieve(id), () => openai.files.content(id), () => openai.files.delete(id)]) {
    await t.throwsAsync(call, { instanceOf: OpenAI.NotFoundError })
  }
  t.deepEqual((await openai.files.list()).data, [])
})

test('a batch file is stored with its index and SHA-256, another file without index', async t => {
  const { openai, pool } = await openFilesApp(t)
  const batch = await openai.files.create({ file: await toFile(Buffer.from(jsonl), 'a.jsonl'), purpose: 'batch' })
  await openai.files.create({ file: await toFile(Buffer.from(jsonl), 'a.jsonl'), purpose: 'fine-tune' })
  const { rows } = await pool.query('SELECT file_id, rows, error_count, chunks FROM file_index')
  t.deepEqual(rows, [{ file_id: batch.id, rows: 2, error_count: 0, chunks: [[0, jsonl.length, 1, 2]] }])
  const { rows: files } = await pool.query('SELECT DISTINCT sha256 FROM file')
  t.deepEqual(files, [{ sha256: createHash('sha256').update(jsonl).digest('hex') }])
})

test('a file with faults in its lines is accepted and the faults are kept for the batch', async t => {
  const { openai, pool } = await openFilesApp(t)
  await openai.files.create({ file: await toFile(Buffer.from('nonsense\n\0\n'), 'a.jsonl'), purpose: 'batch' })
  await openai.files.create({ file: await toFile(Buffer.alloc(0), 'empty.jsonl'), purpose: 'batch' })
  const { rows } = await pool.query('SELECT rows, error_count FROM file_index ORDER BY rows')
  t.deepEqual(rows, [{ rows: 0, error_count: 0 }, { rows: 2, error_count: 2 }])
})

test('expires_after sets expires_at, and an expired file does not exist', async t => {
  const { openai, pool } = await openFilesApp(t)
  const file = await openai.files.create({
    file: await toFile(Buffer.from('x'), 'x.txt'), purpose: 'user_data', expires_after: { anchor: 'created_at', seconds: 7_200 }
  })
  t.is(file.expires_at, file.created_at + 7_200)
  await pool.query("UPDATE file SET expires_at = now() - interval '1 second'")
  await t.throwsAsync(openai.files.retrieve(file.id), { instanceOf: OpenAI.NotFoundError })
  await t.throwsAsync(openai.files.content(file.id), { instanceOf: OpenAI.NotFoundError })
  t.deepEqual((await openai.files.list()).data, [])
})

test('the OpenAI SDK pages through files in both orders, by purpose, and while deleting them', async t => {
  const { openai, pool } = await openFilesApp(t)
  const ids: string[] = []
  for (let at = 0; at < 7; at++) {
    const file = await openai.files.create({ file: await toFile(Buffer.from(`${at}`), `${at}.txt`), purpose: at === 3 ? 'vision' : 'user_data' })
    ids.push(file.id)
  }
  // some at the same millisecond: the id decides
  await pool.query("UPDATE file SET created_at = timestamptz '2026-01-01' WHERE id = ANY($1)", [ids.slice(0, 3)])
  const all = async (query: OpenAI.FileListParams): Promise<string[]> => {
    const found: string[] = []
    for await (const file of openai.files.list(query)) found.push(file.id)
    return found
  }
  t.deepEqual(await all({}), ids.toReversed())
  t.deepEqual(await all({ limit: 2 }), ids.toReversed())
  t.deepEqual(await all({ limit: 3, order: 'asc' }), ids)
  t.deepEqual(await all({ purpose: 'vision' }), [ids[3]])

  // as sent, because the SDK keeps only data and has_more
  const page = await openai.get<{ data: unknown[] }>(`/files?limit=2&after=${ids[5]}`)
  t.is(page.data.length, 2)
  t.like(page, { object: 'list', first_id: ids[4], last_id: ids[3], has_more: true })
  t.deepEqual(await openai.get(`/files?after=${ids[0]}`), { object: 'list', data: [], has_more: false })

  for await (const file of openai.files.list({ limit: 2 })) await openai.files.delete(file.id)
  t.deepEqual(await all({}), [])
})

test('bad list parameters are refused by name', async t => {
  const { openai } = await openFilesApp(t)
  for (const [query, param] of [[{ limit: 0 }, 'limit'], [{ limit: 10_001 }, 'limit'], [{ order: 'up' }, 'order'], [{ after: 'file-none' }, 'after']] as const) {
    await t.throwsAsync(openai.files.list(query as OpenAI.FileListParams), { instanceOf: OpenAI.BadRequestError, message: new RegExp(param) })
  }
})

test('another tenant\'s file does not exist', async t => {
  const { openai, otherTenant } = await openFilesApp(t)
  const { id } = await openai.files.create({ file: await toFile(Buffer.from('x'), 'x.txt'), purpose: 'user_data' })
  for (const call of [() => otherTenant.files.retrieve(id), () => otherTenant.files.content(id), () => otherTenant.files.delete(id)]) {
    await t.throwsAsync(call, { instanceOf: OpenAI.NotFoundError })
  }
  t.deepEqual((await otherTenant.files.list()).data, [])
  await t.throwsAsync(otherTenant.files.list({ after: id }), { instanceOf: OpenAI.BadRequestError })
  t.is(await (await openai.files.content(id)).text(), 'x')
})

test('fields may come before or after the file', async t => {
  const app = await openFilesApp(t)
  const file = ['name="file"; filename="a.jsonl"', jsonl] as const
  const fields = [['name="purpose"', 'batch'], ['name="expires_after[anchor]"', 'created_at'], ['name="expires_after[seconds]"', '3600']] as const
  for (const parts of [[file, ...fields], [...fields, file], [fields[1], file, fields[0], fields[2]]] as const) {
    const { status, body } = await postForm(app, '/files', form('b', ...parts))
    t.is(status, 200)
    t.like(body, { purpose: 'batch', bytes: jsonl.length, expires_at: Number(body.created_at) + 3_600 })
  }
  const { rows } = await app.pool.query('SELECT FROM file_index WHERE rows = 2')
  t.is(rows.length, 3)
})

const file = ['name="file"; filename="a.txt"', 'x'] as const
const purpose = ['name="purpose"', 'user_data'] as const
const badForms: ReadonlyArray<readonly [title: string, body: string, status: number, code: string, param: string | null]> = [
  ['no purpose', form('b', file), 400, 'missing_parameter', 'purpose'],
  ['an unknown purpose after the file', form('b', file, ['name="purpose"', 'fun']), 400, 'invalid_parameter', 'purpose'],
  ['an unknown purpose before the file', form('b', ['name="purpose"', 'fun'], file), 400, 'invalid_parameter', 'purpose'],
  ['no file', form('b', purpose), 400, 'missing_parameter', 'file'],
  ['a file that is a field', form('b', purpose, ['name="file"', 'x']), 400, 'missing_parameter', 'file'],
  ['a file under another name', form('b', purpose, ['name="data"; filename="a"', 'x']), 400, 'invalid_parameter', 'data'],
  ['two files', form('b', purpose, file, file), 400, 'invalid_multipart', null],
  ['an expiry of one minute', form('b', purpose, file, ['name="expires_after[anchor]"', 'created_at'], ['name="expires_after[seconds]"', '60']), 400, 'invalid_parameter', 'expires_after[seconds]'],
  ['an expiry with another anchor', form('b', purpose, file, ['name="expires_after[anchor]"', 'now']), 400, 'invalid_parameter', 'expires_after[anchor]'],
  ['a field of 2 kB', form('b', file, ['name="purpose"', 'x'.repeat(2_000)]), 400, 'invalid_parameter', 'purpose'],
  ['a field named __proto__', form('b', file, ['name="__proto__"', 'x']), 400, 'invalid_multipart', null],
  ['thirty fields', form('b', file, ...Array.from({ length: 30 }, (_, at) => [`name="f${at}"`, 'x'] as const)), 400, 'invalid_multipart', null],
  ['a body cut inside the file', form('b', purpose, ['name="file"; filename="a"', 'x'.repeat(1_000)]).slice(0, 500), 400, 'invalid_multipart', null],
  ['a body cut after the file', form('b', file, purpose).slice(0, -30), 400, 'invalid_multipart', null],
  ['an empty body', '', 400, 'missing_parameter', 'file']
]

for (const [title, body, status, code, param] of badForms) {
  test(`a bad form is refused and leaves nothing: ${title}`, async t => {
    const app = await openFilesApp(t)
    const answer = await postForm(app, '/files', body)
    t.is(answer.status, status)
    t.like(answer.body, { error: { code, param } })
    t.deepEqual(await app.contents(), { keys: [], unfinished: [] })
    const { rows } = await app.pool.query('SELECT FROM file')
    t.is(rows.length, 0)
  })
}

test('a body that is no form is refused as such', async t => {
  const app = await openFilesApp(t)
  const json = await postForm(app, '/files', '{}', { 'content-type': 'application/json' })
  t.is(json.status, 415)
  t.like(json.body, { error: { code: 'unsupported_media_type' } })
  const noBoundary = await postForm(app, '/files', 'x', { 'content-type': 'multipart/form-data' })
  t.is(noBoundary.status, 400)
  t.like(noBoundary.body, { error: { code: 'invalid_multipart' } })
})

test('file names keep their characters, lose paths and control characters, and are sent safely', async t => {
  const app = await openFilesApp(t)
  const names: ReadonlyArray<readonly [sent: string, kept: string]> = [
    ['Übersicht 日本 😀.jsonl', 'Übersicht 日本 😀.jsonl'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\temp\\a.txt', 'a.txt'],
    ['..', 'file'],
    ['a\u0001b\u007f.txt', 'ab.txt'],
    ['x'.repeat(300), 'x'.repeat(255)]
  ]
  for (const [sent, kept] of names) {
    const created = await app.openai.files.create({ file: await toFile(Buffer.from('x'), sent), purpose: 'user_data' })
    t.is(created.filename, kept)
    const { headers } = await app.openai.files.content(created.id)
    const disposition = headers.get('content-disposition')!
    t.regex(disposition, /^attachment; filename="[\x20-\x7e]*"; filename\*=UTF-8''[\w.!~%-]*$/)
    t.is(decodeURIComponent(disposition.split("''")[1]!), kept)
  }
})

test('the retry of an SDK gets the file that its first try stored, and no second object stays', async t => {
  const app = await openFilesApp(t)
  const body = form('b', ['name="file"; filename="a.jsonl"', jsonl], ['name="purpose"', 'batch'])
  const first = await postForm(app, '/files', body, { 'x-stainless-retry-count': '0' })
  const retry = await postForm(app, '/files', body, { 'x-stainless-retry-count': '1' })
  t.deepEqual(retry, first)
  t.is((await app.contents()).keys.length, 1)
  t.is(await (await app.openai.files.content(String(first.body.id))).text(), jsonl)

  const again = await postForm(app, '/files', body, { 'x-stainless-retry-count': '0' })
  t.not(again.body.id, first.body.id)
  const renamed = await postForm(app, '/files', body.replace('a.jsonl', 'b.jsonl'), { 'x-stainless-retry-count': '1' })
  t.not(renamed.body.id, first.body.id)
  const { rows } = await app.pool.query('SELECT FROM file')
  t.is(rows.length, 3)
})

test('an Idempotency-Key covers the content of a file', async t => {
  const app = await openFilesApp(t)
  const send = async (content: string) => await postForm(app, '/files', form('b', purpose, ['name="file"; filename="a"', content]), { 'idempotency-key': 'k' })
  const first = await send('x')
  t.deepEqual(await send('x'), first)
  t.like(await send('y'), { status: 409, body: { error: { code: 'idempotency_mismatch' } } })
  t.is((await app.contents()).keys.length, 1)
})
