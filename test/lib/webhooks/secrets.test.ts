import { randomBytes } from 'node:crypto'
import test from 'ava'
import { SiraError } from '../../../lib/errors.ts'
import { toJsonWebKey } from '../../../lib/webhooks/public-keys.ts'
import { checkSecret, createHmacSecret, createSigningKey } from '../../../lib/webhooks/secrets.ts'

const ofBytes = (count: number): string => `whsec_${randomBytes(count).toString('base64')}`

test('a new HMAC secret has 32 random bytes and passes the check of secrets', t => {
  const secret = createHmacSecret()
  t.is(Buffer.from(secret.slice('whsec_'.length), 'base64').length, 32)
  t.notThrows(() => { checkSecret(secret) })
  t.not(createHmacSecret(), secret)
})

test('a given secret has 24 to 64 bytes in plain base64', t => {
  for (const count of [24, 25, 26, 64]) t.notThrows(() => { checkSecret(ofBytes(count)) }, String(count))
  const good = ofBytes(32)
  const bad = ['', 'whsec_', ofBytes(23), ofBytes(65), good.slice(6), good.replace('whsec_', 'WHSEC_'), good.replace(/=$/, ''), `${good} `, ` ${good}`, `${good}\n`,
    `whsec_${'-_'.repeat(22)}`, `whsec_${'é'.repeat(40)}`, createSigningKey().secret, createSigningKey().publicKey]
  for (const text of bad) {
    const error = t.throws(() => { checkSecret(text) }, { instanceOf: SiraError }, text)
    t.is(error.code, 'invalid_parameter')
    t.is(error.param, 'secret')
    t.false(text.length > 20 && error.message.includes(text.trim().slice(6, 20)), text)
  }
})

test('a signing key carries its public half, and the web key of it is RFC 8037\'s', t => {
  const { secret, publicKey } = createSigningKey()
  const bytes = Buffer.from(secret.slice('whsk_'.length), 'base64')
  t.is(bytes.length, 64)
  t.deepEqual(bytes.subarray(32), Buffer.from(publicKey.slice('whpk_'.length), 'base64'))
  t.deepEqual(toJsonWebKey(publicKey, 'key_1'), { kty: 'OKP', crv: 'Ed25519', x: bytes.subarray(32).toString('base64url'), kid: 'key_1', use: 'sig', alg: 'EdDSA' })
  for (const bad of ['', secret, publicKey.slice(5), publicKey.slice(0, -4)]) t.throws(() => toJsonWebKey(bad, 'key_1'), { message: /whpk_/ })
})
