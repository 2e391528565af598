import type { Client } from '@temporalio/client'
import type { Pool } from 'pg'
import type { Registry } from 'prom-client'
import type { Dispatcher } from 'undici'
import type { Config } from '../lib/config.ts'
import type { ControlPlane } from '../lib/control/control-plane.ts'
import type { Keyring } from '../lib/crypto/seal.ts'
import type { Gateway } from '../lib/gateway/gateway.ts'
import type { Catalog } from '../lib/providers/catalog.ts'
import type { Logger } from '../lib/log.ts'
import type { OutboundPolicy } from '../lib/outbound/outbound-policy.ts'
import type { HintPublisher } from '../lib/store/job-hints.ts'
import type { ObjectStore } from '../lib/store/object-store.ts'
import type { PrismaClient } from '../prisma/generated/client.ts'
import type { EventFeed } from './realtime/event-feed.ts'
import type { JobFeed } from './realtime/job-feed.ts'

/** What the app needs from outside. Tests build the app with their own; server.ts wires the real ones. */
export interface Dependencies {
  readonly config: Config
  readonly pool: Pool
  readonly prisma: PrismaClient
  readonly objects: ObjectStore
  /** Live: the control plane's. Take its maps anew for each request. */
  readonly catalog: Catalog
  readonly control: ControlPlane
  /** For stored credentials and secrets of webhooks; null = SIRA_ENCRYPTION_KEYS is not set. */
  readonly keyring: Keyring | null
  /** For URLs that callers give. */
  readonly outbound: { readonly policy: OutboundPolicy, readonly agent: Dispatcher }
  readonly gateway: Gateway
  readonly metrics: Registry
  /** The metrics of all processes that share the port, as text. */
  readonly readMetrics: () => Promise<string>
  readonly temporal: Client
  readonly jobFeed: JobFeed
  readonly eventFeed: EventFeed
  readonly hints: HintPublisher
  readonly log: Logger
}
