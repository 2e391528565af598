import type { WebhookEndpoint } from '../contracts/webhooks.ts'
import { webhookHeadersPlace, webhookSecretPlace, type Keyring } from '../crypto/seal.ts'
import type { StoredEndpoint } from '../store/webhook-endpoints.ts'

/** An endpoint ready to be sent to: its secrets and custom headers in plain text, in memory only. */
export interface OpenEndpoint {
  readonly endpoint: WebhookEndpoint
  readonly headers: Readonly<Record<string, string>>
  /** What signs at a time (ms since 1970): newest first, without what has expired by then. */
  readonly secretsAt: (time: number) => string[]
}

/** Throws Error when SIRA_ENCRYPTION_KEYS has no key that opens it: then nothing can be signed, and nothing is sent. */
export function openEndpoint (keyring: Keyring | null, stored: StoredEndpoint): OpenEndpoint {
  const { endpoint, headers } = stored
  if (keyring === null) throw new Error('Signing webhooks needs SIRA_ENCRYPTION_KEYS')
  const secrets = stored.secrets.map(secret => ({ text: keyring.open(secret, webhookSecretPlace(secret.id)), end: secret.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY }))
  return {
    endpoint,
    headers: headers === null ? {} : JSON.parse(keyring.open(headers, webhookHeadersPlace(endpoint.id))) as Record<string, string>,
    secretsAt: time => secrets.filter(secret => secret.end > time).map(secret => secret.text)
  }
}
