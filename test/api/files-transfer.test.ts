import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import test from 'ava'
import OpenAI, { toFile } from 'openai'
import type { ObjectStore } from '../../lib/store/object-store.ts'
import { partBytes } from '../../lib/store/s3-multipart.ts'
import { createObjectStore } from '../../lib/store/s3.ts'
import { patternBytes, patternStream } from '../lib/store/_store.ts'
import { testS3 } from '../support/s3.ts'
import { form, openFilesApp, postForm } from './_files-app.ts'
import type { FilesApp } from './_files-app.ts'

/** Sends the head of a form with `bytes` of file, and leaves it at that. */
function beginUpload (app: FilesApp, bytes: number): ReturnType<typeof httpRequest> {
  const request = httpRequest(`${app.url}/files`, {
    method: 'POST', headers: { authorization: `Bearer ${app.key}`, 'content-type': 'multipart/form-data; boundary=b', 'transfer-encoding': 'chunked' }
  })
  request.write('--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n')
  patternStream(bytes).pipe(request, { end: false })
  return request
}

/** Resolves once a put has ended in error. */
function watchPuts (): { wrap: (objects: ObjectStore) => ObjectStore, started: Promise<void>, failed: Promise<void> } {
  let onStart: () => void
  let onFailure: () => void
  const started = new Promise<void>(resolve => { onStart = resolve })
  const failed = new Promise<void>(resolve => { onFailure = resolve })
  const wrap = (objects: ObjectStore): ObjectStore => ({
    ...objects,
    put: async (key, body, contentType) => {
      body.once('readable', () => onStart())
      return await objects.put(key, body, contentType).catch((error: unknown) => {
        onFailure()
        throw error
      })
    }
  })
  return { wrap, started, failed }
}

for (const bytes of [1_000, 2 * partBytes + 1_000]) {
  test(`a client that goes away after ${bytes} bytes leaves no object, part or row`, async t => {
    const puts = watchPuts()
    const app = await openFilesApp(t, { wrap: puts.wrap })
    const request = beginUpload(app, bytes)
    request.on('error', () => {}) // of its own destruction
    await puts.started
    request.destroy()
    await puts.failed
    t.deepEqual(await app.contents(), { keys: [], unfinished: [] })
    t.is((await app.pool.query('SELECT FROM file')).rows.length, 0)
  })
}

test('a file over the limit is 413 while the client still sends, leaves nothing, and the connection goes on', async t => {
  const app = await openFilesApp(t, { variables: { SIRA_FILE_LIMIT_BYTES: String(partBytes) } })
  const over = app.openai.files.create({ file: await toFile(patternBytes(0, 3 * partBytes), 'a'), purpose: 'batch' })
  const error = await t.throwsAsync(over, { instanceOf: OpenAI.APIError })
  t.like(error, { status: 413, code: 'payload_too_large', message: `413 The body is larger than the limit of ${partBytes} bytes.` })
  t.deepEqual(await app.contents(), { keys: [], unfinished: [] })
  const exact = await app.openai.files.create({ file: await toFile(patternBytes(0, partBytes), 'a'), purpose: 'user_data' })
  t.is(exact.bytes, partBytes)
})

test('a refusal before the file is read reaches a client that sends on', async t => {
  const app = await openFilesApp(t)
  const body = form('b', ['name="purpose"', 'fun'], ['name="file"; filename="a"', 'x'.repeat(20_000_000)])
  t.like(await postForm(app, '/files', body), { status: 400, body: { error: { param: 'purpose' } } })

  // a plain client that looks for the answer only when all is sent: more than fits into the buffers between
  const request = httpRequest(`${app.url}/files`, {
    method: 'POST', headers: { authorization: `Bearer ${app.key}`, 'content-type': 'multipart/form-data; boundary=b', 'content-length': body.length }
  })
  const answer = once(request, 'response') as Promise<[IncomingMessage]>
  request.end(body)
  await once(request, 'finish', { signal: AbortSignal.timeout(20_000) })
  const [response] = await answer
  t.is(response.resume().statusCode, 400)
})

test('a large file comes back byte for byte', async t => {
  const app = await openFilesApp(t)
  const bytes = patternBytes(0, 2 * partBytes + 77)
  const { id } = await app.openai.files.create({ file: await toFile(bytes, 'a'), purpose: 'user_data' })
  t.true(Buffer.from(await (await app.openai.files.content(id)).arrayBuffer()).equals(bytes))
})

const broken: ReadonlyArray<readonly [title: string, content: () => AsyncGenerator<Buffer>]> = [
  ['the object store fails half way', async function * () {
    yield patternBytes(0, 500_000)
    throw new Error('connection lost')
  }],
  ['the object is shorter than its row says', async function * () { yield patternBytes(0, 500_000) }]
]

for (const [title, content] of broken) {
  test(`a download never ends in good order when ${title}`, async t => {
    const app = await openFilesApp(t, { wrap: objects => ({ ...objects, get: async () => Readable.from(content(), { objectMode: false }) }) })
    const { id } = await app.openai.files.create({ file: await toFile(patternBytes(0, 1_000_000), 'a'), purpose: 'user_data' })
    const response = await fetch(`${app.url}/files/${id}/content`, { headers: { authorization: `Bearer ${app.key}` }, signal: AbortSignal.timeout(20_000) })
    await t.throwsAsync(response.arrayBuffer(), { instanceOf: TypeError, message: 'terminated' }) // not the timeout
  })
}

test('a reader that goes away in the middle of a download stops the read from the object store', async t => {
  let reading: Readable | undefined
  const app = await openFilesApp(t, {
    wrap: objects => ({ ...objects, get: async key => { reading = await objects.get(key); return reading } })
  })
  const { id } = await app.openai.files.create({ file: await toFile(patternBytes(0, 4 * partBytes), 'a'), purpose: 'user_data' })
  const controller = new AbortController()
  const response = await fetch(`${app.url}/files/${id}/content`, { headers: { authorization: `Bearer ${app.key}` }, signal: controller.signal })
  t.is(response.status, 200)
  const ended = finished(reading!)
  controller.abort()
  await t.throwsAsync(ended)
})

test('an object store that cannot be reached is 503 with Retry-After', async t => {
  const nowhere = createObjectStore({ ...testS3(), endpoint: 'http://127.0.0.1:1' })
  const app = await openFilesApp(t, { wrap: objects => ({ ...nowhere, prepare: objects.prepare }) })
  const error = await t.throwsAsync(app.openai.files.create({ file: await toFile(Buffer.from('x'), 'a'), purpose: 'user_data' }), { instanceOf: OpenAI.InternalServerError })
  t.like(error, { status: 503, code: 'unavailable', message: '503 The object store cannot be reached now. Try again shortly.' })
  t.is((error as InstanceType<typeof OpenAI.APIError>).headers?.get('retry-after'), '2')
})
