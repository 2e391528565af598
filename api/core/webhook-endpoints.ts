import type { PoolClient } from 'pg'
import type { Tenant } from '../../lib/contracts/jobs.ts'
import { payloadVersions } from '../../lib/contracts/webhooks.ts'
import { type Keyring, webhookHeadersPlace, webhookSecretPlace } from '../../lib/crypto/seal.ts'
import { findHeaderFault } from '../../lib/domain/webhook-headers.ts'
import { SiraError } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import { checkTarget } from '../../lib/outbound/target-url.ts'
import { countEndpoints, insertEndpoint, insertSecret, readSealedSecret, type EndpointFields, type EndpointReach, type NewSecret, type SealedHeaders } from '../../lib/store/webhook-settings.ts'
import { checkSecret, createHmacSecret, createSigningKey } from '../../lib/webhooks/secrets.ts'
import type { Dependencies } from '../dependencies.ts'

/** Of a project, single jobs' left out: each event is matched with all of them. */
const MOST_ENDPOINTS = 500

/** Throws `encryption_not_configured` when secrets cannot be sealed. */
export function requireKeyring ({ keyring }: Pick<Dependencies, 'keyring'>): Keyring {
  if (keyring === null) throw new SiraError('encryption_not_configured')
  return keyring
}

/** Throws `url_refused` with the field at fault. Names are resolved, so call it before a transaction begins. */
export async function checkUrl ({ outbound }: Pick<Dependencies, 'outbound'>, url: string, param: string): Promise<void> {
  try {
    await checkTarget(url, outbound.policy)
  } catch (error) {
    throw error instanceof SiraError ? new SiraError(error.code, error.params, { param, cause: error }) : error
  }
}

const noHeaders: SealedHeaders = { headers_sealed: null, headers_kek: null, header_names: [] }

/** Custom headers as they are stored. Throws `invalid_parameter` for those that cannot be sent. */
export function sealHeaders (keyring: Keyring, endpointId: string, headers: Readonly<Record<string, string>> | null): SealedHeaders {
  const fault = headers === null ? null : findHeaderFault(headers)
  if (fault !== null) {
    const param = fault.name === '' ? 'headers' : `headers.${fault.name.slice(0, 64)}`
    throw new SiraError('invalid_parameter', { param, reason: fault.reason }, { param })
  }
  const names = Object.keys(headers ?? {})
  if (names.length === 0) return noHeaders
  const { sealed, kek } = keyring.seal(JSON.stringify(headers), webhookHeadersPlace(endpointId))
  return { headers_sealed: sealed, headers_kek: kek, header_names: names }
}

/** A new secret, or the caller's own, to be stored. `shown` is what the caller has to be told; null for its own and for a private key. Throws `invalid_parameter`. */
export function makeSecret (keyring: Keyring, signature: 'hmac' | 'ed25519', own: string | undefined, param = 'secret'): { secret: NewSecret, shown: string | null } {
  const id = newId('webhookSecret')
  const seal = (text: string): Pick<NewSecret, 'sealed' | 'kek'> => keyring.seal(text, webhookSecretPlace(id))
  if (signature === 'ed25519') {
    if (own !== undefined) throw new SiraError('invalid_parameter', { param, reason: 'a key for ed25519 is made here, so that nobody else has it.' }, { param })
    const { secret, publicKey } = createSigningKey()
    return { secret: { id, publicKey, ...seal(secret) }, shown: null }
  }
  if (own !== undefined) checkOwnSecret(own, param)
  const text = own ?? createHmacSecret()
  return { secret: { id, publicKey: null, ...seal(text) }, shown: own === undefined ? text : null }
}

/** Throws `invalid_parameter` without any part of the text. */
export function checkOwnSecret (own: string, param: string): void {
  try {
    checkSecret(own)
  } catch (error) {
    throw error instanceof SiraError ? new SiraError(error.code, { ...error.params, param }, { param }) : error
  }
}

export const defaultFields: Omit<EndpointFields, 'targets' | 'event_types' | 'payload_version'> = {
  scope: 'project', description: '', metadata: null, payload: 'thin', requests_per_second: null, concurrency: 10, ordered: false
}
export const newestPayloadVersion = payloadVersions.at(-1)!

export interface EndpointWish {
  readonly fields: EndpointFields
  readonly headers: Readonly<Record<string, string>> | null
  readonly signature: 'hmac' | 'ed25519'
  readonly own: string | undefined
  readonly enabled: boolean
}

/** Adds an endpoint and its first secret in the caller's transaction. Its URLs have been checked. */
export async function addEndpoint (keyring: Keyring, client: PoolClient, tenant: Tenant, wish: EndpointWish): Promise<{ id: string, shown: string | null }> {
  const id = newId('endpoint')
  const headers = sealHeaders(keyring, id, wish.headers)
  const { secret, shown } = makeSecret(keyring, wish.signature, wish.own)
  if (await countEndpoints(client, tenant) >= MOST_ENDPOINTS) throw new SiraError('invalid_request', { reason: `A project can have ${MOST_ENDPOINTS} webhook endpoints at most.` })
  await insertEndpoint(client, tenant, { id, resourceId: null, signature: wish.signature, enabled: wish.enabled, ...wish.fields, ...headers })
  await insertSecret(client, id, secret)
  return { id, shown }
}

/** The endpoint of one job before there is the job. Plain data, so that a thread, which has no keys, can add it. */
export interface JobEndpoint { readonly id: string, readonly url: string, /** Of the job's event types. */ readonly pattern: string, readonly secret: NewSecret }

/** `shown` and errors: as makeSecret. */
export function makeJobEndpoint (keyring: Keyring, { url, own, pattern }: { url: string, own: string | undefined, pattern: string }): { endpoint: JobEndpoint, shown: string | null } {
  const { secret, shown } = makeSecret(keyring, 'hmac', own, 'webhook_secret')
  return { endpoint: { id: newId('endpoint'), url, pattern, secret }, shown }
}

/** Adds it in the transaction that creates the job. Its URL has been checked. Returns what belongs into the stored answer, which is without the secret. */
export async function insertJobEndpoint (client: PoolClient, tenant: Tenant, { id, url, pattern, secret }: JobEndpoint, jobId: string): Promise<{ webhook: { id: string, secret_id: string, secret: null } }> {
  await insertEndpoint(client, tenant, {
    id, resourceId: jobId, signature: 'hmac', enabled: true, ...defaultFields, targets: [{ url, weight: 1 }], event_types: [pattern], payload_version: newestPayloadVersion, ...noHeaders
  })
  await insertSecret(client, id, secret)
  return { webhook: { id, secret_id: secret.id, secret: null } }
}

/** A secret that a replayed answer told of; null when it is gone: rotated away, or with its endpoint. */
export async function openSecret ({ pool, keyring }: Pick<Dependencies, 'pool' | 'keyring'>, reach: EndpointReach, endpointId: string, secretId: string): Promise<string | null> {
  const sealed = await readSealedSecret(pool, reach, endpointId, secretId)
  return sealed === null || keyring === null ? null : keyring.open(sealed, webhookSecretPlace(secretId))
}
