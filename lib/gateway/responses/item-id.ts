import { randomBytes } from 'node:crypto'

/** Ids of the items of a response: OpenAI's prefix (`msg_`, `fc_`, `rs_`) and 32 hex digits. */
export function itemId (prefix: string): string {
  return prefix + randomBytes(16).toString('hex')
}

export function unixNow (): number { return Math.floor(Date.now() / 1000) }
