import test from 'ava'
import { createEncryptionKey, createKeyring } from '../../../lib/crypto/seal.ts'

const older = createEncryptionKey('older')
const newer = createEncryptionKey('newer')

test('what is sealed opens at its place only, and no byte of it can be changed', t => {
  const ring = createKeyring(older)
  const sealed = ring.seal('sk-secret-ü', 'row 1')
  t.is(ring.open(sealed, 'row 1'), 'sk-secret-ü')
  t.throws(() => ring.open(sealed, 'row 2'))
  for (let index = 0; index < sealed.sealed.length; index++) {
    const changed = Buffer.from(sealed.sealed)
    changed[index]! ^= 1
    t.throws(() => ring.open({ ...sealed, sealed: changed }, 'row 1'), undefined, `byte ${index}`)
  }
  t.throws(() => ring.open({ ...sealed, sealed: sealed.sealed.subarray(0, 20) }, 'row 1'))
  t.false(sealed.sealed.includes('sk-secret'))
  t.notDeepEqual(ring.seal('sk-secret-ü', 'row 1').sealed, sealed.sealed, 'a nonce is never used again')
})

test('the first key of a ring seals, older ones still open, and a missing one is named', t => {
  const sealed = createKeyring(older).seal('a', 'row')
  const both = createKeyring(`${newer}, ${older}`)
  t.is(both.open(sealed, 'row'), 'a')
  t.is(both.seal('b', 'row').kek, 'newer')
  t.throws(() => createKeyring(newer).open(sealed, 'row'), { message: /No key older/ })
})

test('a malformed ring is refused without showing any of it', t => {
  const secret = older.slice('older:'.length)
  for (const text of ['', secret, `a b:${secret}`, `older:${secret.slice(1)}`, `${older},`, `${older},${older}`, `older:${secret.replace(/.$/, '!')}`]) {
    const error = t.throws(() => createKeyring(text), undefined, text.replace(secret, '…'))
    t.false(error.message.includes(secret.slice(2, 20)))
  }
})
