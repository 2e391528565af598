import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import test from 'ava'
import { fileObjectKey } from '../../../lib/store/files.ts'
import { ObjectNotFound } from '../../../lib/store/object-store.ts'
import { partBytes, singleBytes } from '../../../lib/store/s3-multipart.ts'
import { createTransport } from '../../../lib/store/s3-transport.ts'
import { createObjectStore } from '../../../lib/store/s3.ts'
import { testS3 } from '../../support/s3.ts'
import { bucketContents, patternBytes, patternStream } from './_store.ts'

const s3 = testS3()
const objects = createObjectStore(s3)
test.before(async () => { await objects.prepare() })

test('a bucket that does not exist fails the ping, and preparing it twice at once is fine', async t => {
  const other = createObjectStore(testS3())
  await t.throwsAsync(other.ping(), { message: /does not exist/ })
  await Promise.all([other.prepare(), other.prepare()])
  await other.prepare()
  await t.notThrowsAsync(other.ping())
})

test('preparing goes on after a 500 to the creation of a bucket that another process makes at that moment', async t => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.method!)
    if (request.method === 'HEAD') response.writeHead(404).end()
    else if (asked.length === 2) response.writeHead(500).end()
    else response.writeHead(409, { 'content-type': 'application/xml' }).end('<Error><Code>BucketAlreadyOwnedByYou</Code></Error>')
  }).listen(0, '127.0.0.1')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await createObjectStore({ ...testS3(), endpoint: `http://127.0.0.1:${port}` }).prepare()
  t.deepEqual(asked, ['HEAD', 'PUT', 'HEAD', 'PUT'])
})

for (const bytes of [0, 1, singleBytes, singleBytes + 1, partBytes - 1, partBytes, partBytes + 1, 3 * partBytes + 12_345]) {
  test(`an object of ${bytes} bytes comes back as it was put`, async t => {
    const key = `round-trip/${bytes}`
    t.is(await objects.put(key, patternStream(bytes), 'application/octet-stream'), bytes)
    t.true((await buffer(await objects.get(key))).equals(patternBytes(0, bytes)))
    t.true(await objects.exists(key))
  })
}

test('a byte range over a part boundary is read exactly', async t => {
  await objects.put('range', patternStream(2 * partBytes), 'application/octet-stream')
  t.true((await objects.getRange('range', partBytes - 10, 30)).equals(patternBytes(partBytes - 10, 30)))
  t.true((await objects.getRange('range', 0, 5)).equals(patternBytes(0, 5)))
  t.is((await objects.getRange('range', 7, 0)).length, 0)
  await t.throwsAsync(objects.getRange('range', 2 * partBytes - 5, 10), { message: /5 instead of 10 bytes/ })
})

test('a range of a small object at its start is read exactly', async t => {
  await objects.put('small', Readable.from([Buffer.from('0123456789')]), 'text/plain')
  t.is((await objects.getRange('small', 0, 3)).toString(), '012')
  t.is((await objects.getRange('small', 9, 1)).toString(), '9')
})

test('what does not exist is ObjectNotFound, is not there, and can be removed', async t => {
  await t.throwsAsync(objects.get('nothing'), { instanceOf: ObjectNotFound })
  await t.throwsAsync(objects.getRange('nothing', 0, 10), { instanceOf: ObjectNotFound })
  t.false(await objects.exists('nothing'))
  await t.notThrowsAsync(objects.remove('nothing'))
})

test('a removed object is gone', async t => {
  await objects.put('removed', Readable.from([Buffer.from('x')]), 'text/plain')
  await objects.remove('removed')
  t.false(await objects.exists('removed'))
})

for (const [name, bytes] of [['within the first part', 1_000], ['in the third part', 2 * partBytes + 1_000]] as const) {
  test(`a stream that fails ${name} leaves neither object nor parts`, async t => {
    const own = testS3()
    const store = createObjectStore(own)
    await store.prepare()
    async function * failing (): AsyncGenerator<Buffer> {
      yield * patternStream(bytes)
      throw new Error('the sender went away')
    }
    await t.throwsAsync(store.put('failed', Readable.from(failing(), { objectMode: false }), 'text/plain'), { message: 'the sender went away' })
    t.deepEqual(await bucketContents(own), { keys: [], unfinished: [] })
  })
}

test('a stream that is destroyed in the third part leaves no parts', async t => {
  const own = testS3()
  const store = createObjectStore(own)
  await store.prepare()
  let passed = 0
  const body = patternStream(4 * partBytes).on('data', (piece: Buffer) => {
    passed += piece.length
    if (passed > 2 * partBytes) body.destroy()
  }).pause()
  await t.throwsAsync(store.put('destroyed', body, 'text/plain'), { code: 'ERR_STREAM_PREMATURE_CLOSE' })
  t.deepEqual(await bucketContents(own), { keys: [], unfinished: [] })
})

test('many puts and removals at once do not disturb each other', async t => {
  const own = testS3()
  const store = createObjectStore(own)
  await store.prepare()
  await Promise.all(Array.from({ length: 8 }, async (_, worker) => {
    for (let round = 0; round < 25; round++) {
      const key = fileObjectKey({ organizationId: 'org', projectId: 'proj' }, `${worker}-${round}`)
      const bytes = patternBytes(worker, round % 10 === 0 ? singleBytes + 1 : 100)
      await store.put(key, Readable.from([bytes]), 'text/plain')
      t.true((await buffer(await store.get(key))).equals(bytes))
      await store.remove(key)
    }
  }))
  t.deepEqual((await bucketContents(own)).keys, [])
})

test('a server that accepts and says nothing ends in a timeout', async t => {
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  for (const deadlines of [{ total: null, idle: 50 }, { total: 50, idle: 60_000 }]) {
    const { request } = createTransport(false, deadlines)
    await t.throwsAsync(new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, path: '/' }, resolve).on('error', reject).end()
    }), { code: 'ETIMEDOUT', message: /50 ms/ })
  }
})
