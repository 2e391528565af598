import type { Client } from '@temporalio/client'
import type { Pool } from 'pg'
import { sweepReplays } from '../lib/store/idempotency.ts'
import type { ObjectStore } from '../lib/store/object-store.ts'
import { readOverdue } from '../lib/store/outbox.ts'
import { sweepResponses } from '../lib/store/responses.ts'
import { sweepEvents, sweepJobEndpoints, sweepSecrets } from '../lib/store/sweep-events.ts'
import { sweepFiles } from '../lib/store/sweep-files.ts'
import { sweepUploads } from '../lib/store/sweep-uploads.ts'
import { sendToWorkflow } from '../lib/temporal/send-to-workflow.ts'
import type { PrismaClient } from '../prisma/generated/client.ts'

/** ms after which a message still in the outbox is taken for forgotten: the API sends within one second or not at all. */
const OVERDUE = 1_500
const MOST = 100
/** Events of one statement, and statements of one sweep: deliveries and attempts go with them. */
const MOST_EVENTS = 1_000
const MOST_STATEMENTS = 100

interface Dependencies {
  readonly pool: Pool
  readonly prisma: PrismaClient
  readonly objects: ObjectStore
  readonly client: Client
  readonly taskQueue: string
}

/** What a crash or the passing of time leaves to be done. Every sweep is safe to run in several workers at once. */
export function createSweeps ({ pool, prisma, objects, client, taskQueue }: Dependencies) {
  return {
    /** Sends what an API process promised and did not send, because it died or Temporal was away. Oldest first. */
    async outbox (): Promise<void> {
      for (const entry of await readOverdue(pool, OVERDUE, MOST)) await sendToWorkflow(client, pool, taskQueue, entry)
    },
    async idempotencyKeys (): Promise<void> { await sweepReplays(pool) },
    async responses (): Promise<void> { await sweepResponses(pool, MOST) },
    async webhooks (): Promise<void> {
      await sweepSecrets(pool, MOST_EVENTS)
      await sweepJobEndpoints(pool, MOST)
      for (let statement = 0; statement < MOST_STATEMENTS; statement++) if (await sweepEvents(pool, MOST_EVENTS) < MOST_EVENTS) return
    },
    async files (): Promise<void> {
      await sweepFiles(pool, objects, MOST)
      await sweepUploads(pool, objects, MOST)
    }
  }
}
