import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

interface Certificate { readonly key: string, readonly cert: string }

/** A certificate signed by itself, for one DNS name, in DER as RFC 5280 has it. `days` from now; below 0 it is over. */
export function createCertificate (name: string, days = 2): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const commonName = der(0x30, der(0x31, der(0x30, objectId('550403'), der(0x0c, Buffer.from(name)))))
  const ecdsaWithSha256 = der(0x30, objectId('2a8648ce3d040302'))
  const alternativeNames = der(0x30, objectId('551d11'), der(0x04, der(0x30, der(0x82, Buffer.from(name)))))
  const body = der(0x30,
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    ecdsaWithSha256,
    commonName,
    der(0x30, time(-10), time(days)),
    commonName,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(0x30, alternativeNames)))
  const whole = der(0x30, body, ecdsaWithSha256, der(0x03, Buffer.of(0), sign('sha256', body, privateKey)))
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${whole.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`
  }
}

function der (tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.of(tag, ...head), content])
}

const objectId = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))

/** UTCTime, YYMMDDHHMMSSZ. */
const time = (days: number): Buffer => der(0x17, Buffer.from(`${new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`))
