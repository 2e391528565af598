import type { LargeText } from '../../../lib/contracts/gateway.ts'
import type { Caller, Tenant } from '../../../lib/contracts/jobs.ts'
import { largeBody } from '../../../lib/gateway/large-body/index.ts'
import { runInThread, threadModule } from '../../../lib/gateway/large-body/threads.ts'
import type { Queryable } from '../../../lib/store/database.ts'
import { sizeOfResponse } from '../../../lib/store/responses.ts'
import type { ItemsPage, Owner } from '../../core/responses.ts'
import type { Accepted, AcceptOrder, Expanded, ExpandOrder, KeepOrder, ReadOrder } from './thread.ts'

// Responses store what they were asked and continue what was said. Where that is more than 1 MiB, a thread with a connection of its own
// reads, joins and stores it. All throw SiraError; `unavailable` when Postgres cannot be reached.

const module = threadModule('thread', import.meta.url)

export async function expandLarge (order: ExpandOrder, text: LargeText | null, signal: AbortSignal): Promise<Expanded> {
  return await runInThread('database', module, 'expand', order, text, signal)
}

export async function keepLarge (order: KeepOrder, text: LargeText | null): Promise<void> {
  await runInThread('database', module, 'keep', order, text)
}

export async function acceptLarge (order: AcceptOrder, text: LargeText | null): Promise<Accepted> {
  return await runInThread('database', module, 'accept', order, text)
}

/** JSON text as bytes. */
export async function readLarge (order: ReadOrder): Promise<Buffer> {
  return toBuffer(await runInThread('database', module, 'read', order, null))
}

export async function cancelLarge (order: ReadOrder): Promise<Buffer> {
  return toBuffer(await runInThread('database', module, 'cancel', order, null))
}

export async function listLarge (order: ReadOrder & { readonly page: ItemsPage }): Promise<Buffer> {
  return toBuffer(await runInThread('database', module, 'list', order, null))
}

export async function isLarge (database: Queryable, tenant: Tenant, id: string): Promise<boolean> {
  return await sizeOfResponse(database, tenant, id) > largeBody
}

/** Of a caller, what goes to a thread. */
export function ownerOf ({ organizationId, projectId, keyId }: Caller): Owner {
  return { organizationId, projectId, keyId }
}

export function toBuffer (bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
