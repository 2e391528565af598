import test from 'ava'
import { toBytes } from '../../../lib/gateway/large-body/json-bytes.ts'
import { inspectLarge } from '../../../lib/gateway/large-body/index.ts'
import { checkValueCount } from '../../../lib/gateway/large-body/count-values.ts'
import { claimRoom } from '../../../lib/gateway/large-body/room.ts'
import { split, unite } from '../../../lib/gateway/large-body/stand-ins.ts'

const text = (): { bytes: Uint8Array<ArrayBuffer> } => ({ bytes: toBytes(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x'.repeat(10_000) }] })) })

test('values are counted outside of strings, whatever quotes and backslashes these have', t => {
  const count = (json: string): void => { checkValueCount(Buffer.from(json)) }
  t.notThrows(() => { count(JSON.stringify({ a: ',[{'.repeat(2_000_000), b: '\\'.repeat(9) + '",'.repeat(1_000_000) })) })
  t.throws(() => { count(`[${'0,'.repeat(2_000_000)}0]`) }, { message: /more than 2000000 values/ })
  t.throws(() => { count(`{"a":"\\\\",${'"a":[],'.repeat(1_000_001)}"b":"`) }, { message: /more than 2000000 values/ })
  t.notThrows(() => { count('{"a":"no end ,,,,') })
})

test('the event loop is given the smallest fields of a body, whatever they are called, and all of it is put together again', t => {
  const body = { model: 'm', metadata: { a: 'x'.repeat(300_000) }, messages: [{ role: 'user', content: 'y'.repeat(300_000) }], user: 'ann', unknown: 'z'.repeat(200_000) }
  const { small, bulk } = split(body)
  t.deepEqual(small, { model: 'm', messages: [{ role: 'user', content: '.' }], user: 'ann', unknown: body.unknown })
  t.deepEqual(bulk, ['metadata', 'messages'])
  t.deepEqual(unite({ ...small, user: 'ben' }, body, bulk), { ...body, user: 'ben' })
  t.true(JSON.stringify(split(Object.fromEntries(Array.from({ length: 900 }, (_, place) => [`field${place}`, 'x'.repeat(1_000)]))).small).length < 300_000)
  t.throws(() => split(Object.fromEntries(Array.from({ length: 1_001 }, (_, place) => [place, 1]))), { message: /more than 1000 fields/ })
})

test('as many inputs are stood in for as there are, since as many vectors come back', t => {
  t.deepEqual(split({ model: 'm', input: ['x'.repeat(300_000), 'y', 'z'] }).small, { model: 'm', input: ['.', '.', '.'] })
})

test('large bodies take room until it is full, and give it back once', t => {
  const [one, other] = [claimRoom(), claimRoom()]
  t.teardown(() => {
    one.release()
    other.release()
  })
  const step = 64 * 1024 * 1024
  let taken = 0
  const fill = (): void => { for (;;) { one.take(step); taken += step } }
  t.throws(fill, { code: 'unavailable' })
  t.true(taken >= 256 * 1024 * 1024)
  t.throws(() => { other.take(step) }, { code: 'unavailable' })
  one.release()
  one.release()
  other.take(taken)
  t.throws(() => { one.take(step) }, { code: 'unavailable' }, 'it was given back once, not twice')
})

test.serial('who waits for a thread and leaves is forgotten; when 64 wait, the next is refused', async t => {
  const inspect = async (signal?: AbortSignal): Promise<string> => await inspectLarge(text(), '/v1/chat/completions', signal).then(() => 'done', (error: { code: string }) => error.code)
  const busy = [inspect(), inspect()] // one or two of them run
  const gone = new AbortController()
  const left = text()
  const leaving = inspectLarge(left, '/v1/chat/completions', gone.signal)
  const waiting = Array.from({ length: 64 }, async () => await inspect())
  gone.abort()
  await t.throwsAsync(leaving, { code: 'invalid_request' })
  t.true(left.bytes.length > 10_000, 'its bytes were handed to nobody')
  const last = inspect() // the place that became free, or that of a second thread
  const ends = await Promise.all([...busy, ...waiting, last])
  const refused = ends.filter(end => end === 'unavailable').length
  t.true(refused === 1 || refused === 2, `${refused}`)
  t.is(ends.filter(end => end === 'done').length, ends.length - refused)
})

test.serial('the bytes come back from the thread, also when they are refused', async t => {
  const wrong = { bytes: toBytes(JSON.stringify({ model: 7, messages: 'x'.repeat(2_000_000) })) }
  const { buffer } = wrong.bytes
  await t.throwsAsync(inspectLarge(wrong, '/v1/chat/completions'), { code: 'invalid_parameter' })
  t.is(buffer.byteLength, 0, 'they were handed over, not copied')
  t.is(JSON.parse(Buffer.from(wrong.bytes).toString()).model, 7)
})
