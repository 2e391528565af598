import type { Client } from '@temporalio/client'
import type { Pool } from 'pg'
import type { Config } from '../lib/config.ts'
import type { Catalog } from '../lib/providers/catalog.ts'
import type { Logger } from '../lib/log.ts'
import type { HintPublisher } from '../lib/store/job-hints.ts'
import type { ObjectStore } from '../lib/store/object-store.ts'
import type { PrismaClient } from '../prisma/generated/client.ts'
import type { JobFeed } from './realtime/job-feed.ts'

/** What the app needs from outside. Tests build the app with their own; server.ts wires the real ones. */
export interface Dependencies {
  readonly config: Config
  readonly pool: Pool
  readonly prisma: PrismaClient
  readonly objects: ObjectStore
  readonly catalog: Catalog
  readonly temporal: Client
  readonly jobFeed: JobFeed
  readonly hints: HintPublisher
  readonly log: Logger
}
