import type { AddressInfo } from 'node:net'
import type { ExecutionContext } from 'ava'
import Fastify from 'fastify'
import type pg from 'pg'
import type { Dependencies } from '../../api/dependencies.ts'
import { requireKey } from '../../api/plugins/authentication.ts'
import { installErrors } from '../../api/plugins/errors.ts'
import { compileValidator } from '../../api/plugins/validation.ts'
import usage from '../../api/routes/native/usage.ts'
import organization from '../../api/routes/openai/organization.ts'
import type { UsageRecord } from '../../lib/contracts/usage.ts'
import { saveUsage } from '../../lib/store/usage-rows.ts'
import { openDatabase, silent } from '../lib/store/_job-fixture.ts'
import { addLedger, seedRecords } from '../lib/store/_usage.ts'

/** Keys: project 1 of organization a, and the whole of a or b; one that may not see usage. */
const tenant = { organizationId: 'org_a', projectId: 'proj_a1' }
const callers = new Map([
  ['plain', { ...tenant, keyId: 'key_a1', scopes: [] }],
  ['whole', { ...tenant, keyId: 'key_a1', scopes: ['organization'] }],
  ['other', { organizationId: 'org_b', projectId: 'proj_b1', keyId: 'key_b1', scopes: ['organization'] }],
  ['files', { ...tenant, keyId: 'key_a1', scopes: ['files'] }]
])

export interface UsageApp { readonly url: string, readonly pool: pg.Pool, readonly records: readonly UsageRecord[] }

/** The routes of usage over seeded requests and batch rows of two organizations. `records` is what they must sum up. */
export async function openUsageApp (t: Pick<ExecutionContext, 'teardown'>): Promise<UsageApp> {
  const { pool } = await openDatabase(t as ExecutionContext)
  const seeded = seedRecords(1_000)
  await saveUsage(pool, 'p', seeded, 400)
  const records = [...seeded, ...await addLedger(pool, 'a', 40), ...await addLedger(pool, 'b', 10)]
  const app = Fastify()
  app.decorate('dependencies', { pool, log: silent } as unknown as Dependencies)
  app.setValidatorCompiler(compileValidator)
  installErrors(app)
  for (const [prefix, routes] of [['/api/v1', usage], ['/v1', organization]] as const) {
    await app.register(async scope => {
      requireKey(scope, async key => callers.get(key) ?? null)
      await scope.register(routes)
    }, { prefix })
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => { await app.close() })
  return { url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`, pool, records }
}
