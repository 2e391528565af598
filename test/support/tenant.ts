import type { Caller } from '../../lib/contracts/jobs.ts'
import type { Queryable } from '../../lib/store/database.ts'
import { newId } from '../../lib/ids.ts'
import { createKeyText, createTenant, insertKey } from '../../lib/store/keys.ts'

/** A new organization with one project and one key. */
export async function createTestTenant (database: Queryable, scopes: readonly string[] = []): Promise<{ caller: Caller, key: string }> {
  const tenant = { organizationId: newId('organization'), projectId: newId('project') }
  const key = createKeyText()
  await createTenant(database, { ...tenant, name: 'test' })
  const keyId = await insertKey(database, { ...tenant, name: 'test', scopes, text: key })
  return { caller: { ...tenant, keyId, scopes }, key }
}
