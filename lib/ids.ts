import { randomFillSync } from 'node:crypto'

/** Prefixes of public ids. OpenAI's where it has one (`file-` with a dash is theirs). */
const prefixes = {
  organization: 'org_',
  project: 'proj_',
  key: 'key_',
  file: 'file-',
  upload: 'upload_',
  part: 'part_',
  batch: 'batch_',
  event: 'evt_',
  request: 'req_',
  worker: 'worker_',
  deployment: 'dep_',
  credential: 'cred_',
  limit: 'lim_',
  budget: 'bud_',
  preset: 'preset_',
  response: 'resp_',
  message: 'msg_',
  completion: 'chatcmpl-',
  call: 'call_',
  endpoint: 'we_',
  webhookSecret: 'whs_',
  delivery: 'whd_',
  replay: 'replay_'
} as const

export type IdKind = keyof typeof prefixes

/** Random bytes for many ids at once: a call of the generator costs some µs, whatever it gives. */
const supply = Buffer.alloc(16 * 256)
let taken = supply.length

/** A new id: type prefix + UUIDv7 (RFC 9562) as 32 hex digits, so ids of one kind sort by creation time. */
export function newId (kind: IdKind): string {
  if (taken === supply.length) {
    randomFillSync(supply)
    taken = 0
  }
  const bytes = supply.subarray(taken, taken += 16)
  bytes.writeUIntBE(Date.now(), 0, 6)
  bytes[6] = (bytes[6]! & 0x0f) | 0x70
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return prefixes[kind] + bytes.toString('hex')
}

/** The id of one request of a batch, as OpenAI's output lines carry it. A function of its place, so a retry repeats it. Without a line it is what they all begin with. */
export function batchRequestId (batchId: string, line: number | ''): string {
  return `batch_req_${batchId.slice(prefixes.batch.length)}_${line}`
}
