import { PassThrough, Readable } from 'node:stream'
import test from 'ava'
import { receiveBody, type Arrived } from '../../api/gateway/receive-body.ts'
import { SiraError } from '../../lib/errors.ts'

const limit = 8_000_000

async function receive (payload: Readable, length: number | null): Promise<Arrived> {
  return await new Promise((resolve, reject) => {
    receiveBody(payload, limit, length, (error, arrived) => {
      if (error !== null) reject(error)
      else resolve(arrived!)
    })
  })
}

const pieces = (total: number, size = 60_000): Buffer[] => Array.from({ length: Math.ceil(total / size) }, (_, place) => Buffer.alloc(Math.min(size, total - place * size), 97 + place % 26))

for (const total of [0, 5, 60_000, 1_048_576, 1_048_577, 5_000_000]) {
  for (const known of [true, false]) {
    test(`a body of ${total} bytes arrives as it was sent, ${known ? 'with' : 'without'} its length`, async t => {
      const sent = pieces(total)
      const { bytes, room } = await receive(Readable.from(sent), known ? total : null)
      t.true(Buffer.concat(sent).equals(bytes))
      t.is(room !== null, total > 1_048_576)
      if (room !== null) t.is(Buffer.from(bytes.buffer).length, known ? total : limit, 'memory of its own, which can be handed over')
      room?.release()
    })
  }
}

test('a body that is longer than the limit, or not as long as it said, is refused', async t => {
  await t.throwsAsync(receive(Readable.from([]), limit + 1), { code: 'payload_too_large' })
  await t.throwsAsync(receive(Readable.from(pieces(limit + 1)), null), { code: 'payload_too_large' })
  await t.throwsAsync(receive(Readable.from(pieces(100)), 101), { code: 'invalid_request' })
})

test('a body that breaks off is refused, by the error that ended it or as incomplete', async t => {
  for (const [error, code] of [[new SiraError('request_timeout'), 'request_timeout'], [new Error('aborted'), 'invalid_request'], [undefined, 'invalid_request']] as const) {
    const payload = new PassThrough()
    payload.on('error', () => {}) // as boundReceiving has it
    const receiving = receive(payload, 5_000_000)
    for (const piece of pieces(2_000_000)) payload.write(piece)
    setImmediate(() => payload.destroy(error))
    await t.throwsAsync(receiving, { code })
  }
})
