import { createPublicKey, verify } from 'node:crypto'
import test from 'ava'
import OpenAI from 'openai'
import { Webhook } from 'standardwebhooks'
import { toJsonWebKey } from '../../../lib/webhooks/public-keys.ts'
import { createHmacSecret, createSigningKey } from '../../../lib/webhooks/secrets.ts'
import { sign } from '../../../lib/webhooks/sign.ts'

const id = 'evt_0190a1b2c3d4'
const body = '{"type":"batch.completed","data":{"id":"batch_1"},"note":"ü\\u0000 😀"}'
const now = Math.floor(Date.now() / 1000)
const openai = new OpenAI({ apiKey: 'unused' })

const headersOf = (secrets: string[], timestamp = now) => ({ 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': sign(secrets, id, timestamp, body) })

function verifyEd25519 (publicKey: string, header: string, content: string): boolean {
  const key = createPublicKey({ key: { ...toJsonWebKey(publicKey, 'key_1') }, format: 'jwk' })
  return header.split(' ').some(part => part.startsWith('v1a,') && verify(null, Buffer.from(content), key, Buffer.from(part.slice(4), 'base64')))
}

test('the library of Standard Webhooks and the SDK of OpenAI verify an HMAC signature', async t => {
  const secret = createHmacSecret()
  const headers = headersOf([secret])
  t.deepEqual(new Webhook(secret).verify(body, headers), JSON.parse(body))
  t.deepEqual(await openai.webhooks.unwrap(body, headers, secret) as unknown, JSON.parse(body))
  t.regex(headers['webhook-signature'], /^v1,[A-Za-z0-9+/]{43}=$/)
})

test('an HMAC signature fails both verifiers with another body, id, time or secret', async t => {
  const secret = createHmacSecret()
  const headers = headersOf([secret])
  const changed: Array<[string, string, typeof headers]> = [
    ['body', body.replace('batch_1', 'batch_2'), headers],
    ['spelling of the body', JSON.stringify(JSON.parse(body), null, 1), headers],
    ['id', body, { ...headers, 'webhook-id': `${id}5` }],
    ['time', body, { ...headers, 'webhook-timestamp': String(now + 1) }],
    ['age', body, headersOf([secret], now - 400)],
    ['secret', body, headersOf([createHmacSecret()])]
  ]
  for (const [what, text, given] of changed) {
    t.throws(() => new Webhook(secret).verify(text, given), undefined, what)
    await t.throwsAsync(async () => await openai.webhooks.unwrap(text, given, secret), undefined, what)
  }
})

test('during a rotation receivers with the new and with the old secret verify the same header, others do not', async t => {
  const [newer, older, stranger] = [createHmacSecret(), createHmacSecret(), createHmacSecret()]
  const headers = headersOf([newer, older])
  t.deepEqual(headers['webhook-signature'].split(' '), [sign([newer], id, now, body), sign([older], id, now, body)])
  for (const secret of [newer, older]) {
    t.notThrows(() => new Webhook(secret).verify(body, headers))
    await t.notThrowsAsync(async () => { await openai.webhooks.unwrap(body, headers, secret) })
  }
  t.throws(() => new Webhook(stranger).verify(body, headers))
})

test('an Ed25519 signature is verified with the published key, and fails with another body, id, time or key', t => {
  const { secret, publicKey } = createSigningKey()
  const header = sign([secret], id, now, body)
  t.regex(header, /^v1a,[A-Za-z0-9+/]{86}==$/)
  t.true(verifyEd25519(publicKey, header, `${id}.${now}.${body}`))
  t.false(verifyEd25519(publicKey, header, `${id}.${now}.${body} `))
  t.false(verifyEd25519(publicKey, header, `${id}5.${now}.${body}`))
  t.false(verifyEd25519(publicKey, header, `${id}.${now + 1}.${body}`))
  t.false(verifyEd25519(createSigningKey().publicKey, header, `${id}.${now}.${body}`))
})

test('a receiver that changes from HMAC to Ed25519 finds both signatures', t => {
  const hmac = createHmacSecret()
  const { secret, publicKey } = createSigningKey()
  const headers = headersOf([secret, hmac])
  t.deepEqual(headers['webhook-signature'].split(' ').map(part => part.split(',')[0]), ['v1a', 'v1'])
  t.true(verifyEd25519(publicKey, headers['webhook-signature'], `${id}.${now}.${body}`))
  t.notThrows(() => new Webhook(hmac).verify(body, headers))
})

test('the signature of Svix\'s published Ed25519 example is ours too', t => {
  const secret = 'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=='
  t.is(sign([secret], 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}'),
    'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==')
})

test('the parts of the signed content cannot be moved into each other', t => {
  const secret = createHmacSecret()
  for (const bad of ['', 'evt.1', 'evt 1', 'evt\n1']) t.throws(() => sign([secret], bad, now, body), { message: /webhook id/ }, bad)
  for (const bad of [-1, 1.5, NaN, Infinity]) t.throws(() => sign([secret], id, bad, body), { message: /timestamp/ }, String(bad))
})

test('a malformed secret signs nothing and is not shown', t => {
  const { secret } = createSigningKey()
  for (const bad of ['', 'whsec_', 'whsk_', secret.slice(0, -4), secret.replace('whsk_', ''), secret.replace('whsk_', 'whpk_'), 'whsec_secret!secret!']) {
    const error = t.throws(() => sign([bad], id, now, body), undefined, bad)
    t.is(error.message, 'A webhook secret is whsec_ or whsk_ and base64')
  }
})

test('more secrets than are kept ready still sign rightly', t => {
  const secrets = Array.from({ length: 5_000 }, createHmacSecret)
  const first = secrets.map(secret => sign([secret], id, now, body))
  t.deepEqual(secrets.map(secret => sign([secret], id, now, body)), first)
  t.is(new Set(first).size, secrets.length)
  t.notThrows(() => new Webhook(secrets[0]!).verify(body, headersOf([secrets[0]!])))
})
