import type { Tenant } from '../../lib/contracts/jobs.ts'
import { isTerminal } from '../../lib/domain/job-state.ts'
import { SiraError } from '../../lib/errors.ts'
import { deleteBatch } from '../../lib/store/batches.ts'
import { deleteFile, findFile } from '../../lib/store/files.ts'
import type { Dependencies } from '../dependencies.ts'
import { getBatch } from './batches.ts'

/** The name of input files that Sira made from inline requests: they belong to their batch and go with it. */
export const INLINE_FILENAME = 'inline-requests.jsonl'

/** Removes a finished batch, its rows and its files. The ledger keeps what it cost. */
export async function removeBatch ({ pool, prisma, objects, log }: Dependencies, tenant: Tenant, id: string): Promise<void> {
  const batch = await getBatch(pool, tenant, id)
  if (!isTerminal(batch.state)) throw new SiraError('state_conflict', { action: 'delete', resource: 'batch', state: batch.state })
  const input = await findFile(prisma, tenant, batch.inputFileId)
  const files = [batch.outputFileId, batch.errorFileId, input?.filename === INLINE_FILENAME ? input.id : null]
  // files first: should this be cut short, the batch is still there to be deleted again
  for (const fileId of files) {
    if (fileId !== null) await deleteFile(prisma, objects, tenant, fileId, log)
  }
  // its own webhook endpoint stays until what it has to tell is delivered; a sweep removes it
  await deleteBatch(pool, tenant, id)
}
