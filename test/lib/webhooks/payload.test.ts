import test from 'ava'
import OpenAI from 'openai'
import type { FeedEvent } from '../../../lib/contracts/webhooks.ts'
import { MOST_PAYLOAD_BYTES, renderPayload } from '../../../lib/webhooks/payload.ts'
import { seeded } from '../_seeded.ts'

const payloadVersion = '2026-11-27'
const thin = { payload: 'thin', payloadVersion } as const
const full = { payload: 'full', payloadVersion } as const

function eventWith (data: FeedEvent['data']): FeedEvent {
  return {
    id: 'evt_1', organizationId: 'org_1', projectId: 'proj_1', resourceId: 'batch_1', seq: 7, feedSeq: 40, type: 'batch.completed', data,
    createdAt: new Date('2026-11-27T10:20:30.987Z')
  }
}

const envelope = { id: 'evt_1', object: 'event', type: 'batch.completed', created_at: 1_795_774_830, timestamp: '2026-11-27T10:20:30.987Z', sequence: 7 }

test('a thin payload has the shape of OpenAI\'s events and says only which resource', t => {
  t.deepEqual(JSON.parse(renderPayload(eventWith({ state: 'succeeded', secret: 'x' }), thin)), { ...envelope, data: { id: 'batch_1' } })
})

test('a full payload has what was recorded with the event, under the id of the resource', t => {
  const text = renderPayload(eventWith({ state: 'succeeded', counts: { total: 3 }, id: 'another' }), full)
  t.deepEqual(JSON.parse(text), { ...envelope, data: { id: 'batch_1', state: 'succeeded', counts: { total: 3 } } })
  t.true(text.indexOf('"id":"batch_1"') < text.indexOf('"state"'))
})

test('OpenAI\'s SDK unwraps a payload', async t => {
  const text = renderPayload(eventWith({}), thin)
  const secret = Buffer.alloc(32, 7)
  const timestamp = Math.floor(Date.now() / 1000).toString()
  const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const signature = Buffer.from(await crypto.subtle.sign('HMAC', key, Buffer.from(`evt_1.${timestamp}.${text}`))).toString('base64')
  const client = new OpenAI({ apiKey: 'none', webhookSecret: `whsec_${secret.toString('base64')}` })
  const event = await client.webhooks.unwrap(text, { 'webhook-id': 'evt_1', 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` })
  if (event.type !== 'batch.completed') return t.fail(event.type)
  t.is(event.data.id, 'batch_1')
  t.is(event.created_at, envelope.created_at)
})

test('a full payload that would reach 20,000 bytes is thin and says so, to the byte', t => {
  const around = (length: number): string => renderPayload(eventWith({ text: 'x'.repeat(length) }), full)
  const room = MOST_PAYLOAD_BYTES - 1 - Buffer.byteLength(around(0))
  t.is(Buffer.byteLength(around(room)), 19_999)
  t.deepEqual(JSON.parse(around(room + 1)), { ...envelope, data: { id: 'batch_1' }, truncated: true })
  // bytes, not characters
  t.deepEqual(JSON.parse(renderPayload(eventWith({ text: '€'.repeat(7_000) }), full)), { ...envelope, data: { id: 'batch_1' }, truncated: true })
})

test('whatever was recorded, a payload is JSON in UTF-8 of less than 20,000 bytes, the same each time, and loses nothing', t => {
  const random = seeded(20_261_127)
  const pick = (most: number): number => Math.floor(random() * most)
  const strings = ['', 'id', '__proto__', 'constructor', 'toJSON', '0', '17', '\u0000', '\ud800', 'a\udfffb', '\u2028', '"\\', '😀', '\ufeff', 'é', 'x'.repeat(12_000)]
  const value = (depth: number): unknown => {
    switch (pick(depth > 3 ? 5 : 7)) {
      case 0: return null
      case 1: return random() < 0.5
      case 2: return [0, -0, 1e300, 5e-324, 2 ** 53 + 2, -1.5][pick(6)]
      case 3:
      case 4: return strings[pick(strings.length)]!
      case 5: return Array.from({ length: pick(5) }, () => value(depth + 1))
      default: return object(depth + 1)
    }
  }
  // as a row's jsonb is read: by JSON.parse, for which __proto__ is a name like any other
  const object = (depth: number): Record<string, unknown> => JSON.parse(`{${Array.from({ length: pick(8) }, () =>
    `${JSON.stringify(strings[pick(strings.length - 1)])}:${JSON.stringify(value(depth))}`).join()}}`) as Record<string, unknown>
  let truncated = 0
  for (let round = 0; round < 2_000; round++) {
    const data = object(0)
    const text = renderPayload(eventWith(data), full)
    t.is(renderPayload(eventWith(JSON.parse(JSON.stringify(data)) as FeedEvent['data']), full), text)
    t.true(Buffer.byteLength(text) < MOST_PAYLOAD_BYTES)
    t.is(Buffer.from(text).toString(), text, 'no lone surrogate is left to be replaced on its way')
    const read = JSON.parse(text) as { data: Record<string, unknown>, truncated?: boolean }
    if (read.truncated === true) truncated += 1
    else t.is(canonical(read.data), canonical({ ...data, id: 'batch_1' }))
    t.is(read.data.id, 'batch_1')
  }
  t.true(truncated > 0 && truncated < 1_000, `${truncated} of 2,000`)
})

/** JSON text with the names in order, to compare objects one of whose names may be __proto__. */
function canonical (object: Record<string, unknown>): string {
  return JSON.stringify(Object.entries(object).sort(([a], [b]) => a < b ? -1 : 1))
}
