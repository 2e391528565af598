import type { ExecutionContext } from 'ava'
import { Readable } from 'node:stream'
import type { Pool } from 'pg'
import type { Caller } from '../../../lib/contracts/jobs.ts'
import { newId } from '../../../lib/ids.ts'
import { createPrisma } from '../../../lib/store/database.ts'
import { createFile, fileObjectKey } from '../../../lib/store/files.ts'
import type { FileRecord } from '../../../lib/store/files.ts'
import type { ObjectStore } from '../../../lib/store/object-store.ts'
import { createObjectStore } from '../../../lib/store/s3.ts'
import type { PrismaClient } from '../../../prisma/generated/client.ts'
import { openTestPool } from '../../support/pool.ts'
import { testS3 } from '../../support/s3.ts'
import { createTestTenant } from '../../support/tenant.ts'
import { indexOf, line } from '../batch-input/_rows.ts'
import { bucketContents } from './_store.ts'

export const index = indexOf(`${line('a')}\n${line('b')}\nnonsense`)

export interface FilesFixture {
  readonly pool: Pool
  readonly prisma: PrismaClient
  readonly objects: ObjectStore
  readonly caller: Caller
  readonly stranger: Caller
  /** A stored file with index and object. */
  readonly store: (changes?: { expiresInSeconds?: number | null }) => Promise<FileRecord>
  readonly keys: () => Promise<string[]>
}

export async function openFilesFixture (t: ExecutionContext): Promise<FilesFixture> {
  const { pool, url } = await openTestPool(t)
  const prisma = createPrisma(url)
  t.teardown(async () => { await prisma.$disconnect() })
  const s3 = testS3()
  const objects = createObjectStore(s3)
  await objects.prepare()
  const { caller } = await createTestTenant(pool)
  const { caller: stranger } = await createTestTenant(pool)
  const { organizationId, projectId } = caller

  async function store ({ expiresInSeconds = null }: { expiresInSeconds?: number | null } = {}): Promise<FileRecord> {
    const id = newId('file')
    const objectKey = fileObjectKey(caller, id)
    const bytes = await objects.put(objectKey, Readable.from([Buffer.from(id)]), 'text/plain')
    const file = { id, organizationId, projectId, purpose: 'batch', filename: 'a.jsonl', bytes, sha256: 'x', objectKey, expiresInSeconds }
    return await createFile(pool, file, index)
  }

  return { pool, prisma, objects, caller, stranger, store, keys: async () => (await bucketContents(s3)).keys }
}
