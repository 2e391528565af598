import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { PoolClient } from 'pg'
import type { Caller } from '../../../../lib/contracts/jobs.ts'
import { openUnclaimed } from '../../../../lib/crypto/unclaimed.ts'
import { SiraError } from '../../../../lib/errors.ts'
import { type KeyRow, lockKey, readKey, replaceSecret, takeUnclaimed } from '../../../../lib/store/admin-keys.ts'
import { reachOf, requireOwn } from '../../../../lib/store/admin-rows.ts'
import { inTransaction } from '../../../../lib/store/database.ts'
import { createKeyText } from '../../../../lib/store/keys.ts'
import { requireScopeOf } from '../../../plugins/authentication.ts'
import { create, Id, Nullable, show, tags } from './common.ts'
import { requireModelsOf, requireScopesOf } from './key-rules.ts'
import { KeyWithText } from './key-schemas.ts'

const Rotation = Nullable(Type.Object({
  overlap_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_592_000, description: "how long the secret before goes on working; the key's own overlap_seconds unless given" }))
}, { additionalProperties: false }))

/** New secrets for a key: by hand, and those of the automatic rotation. */
const keySecrets: FastifyPluginAsyncTypebox = async app => {
  const { pool, keyring } = app.dependencies
  requireScopeOf(app, 'organization')

  async function lockUsable (client: PoolClient, caller: Caller, id: string, action: string): Promise<KeyRow> {
    const row = requireOwn(await lockKey(client, reachOf(caller), id), 'key', id)
    // its text would give them
    requireScopesOf(caller, row.scopes)
    requireModelsOf(caller, row.models)
    const ended = row.revoked_at !== null ? 'revoked' : row.expires_at !== null && row.expires_at.getTime() <= Date.now() ? 'expired' : null
    if (ended !== null) throw new SiraError('state_conflict', { action, resource: 'key', state: ended })
    return row
  }

  app.post('/keys/:id/rotate', { schema: { tags, summary: 'Give a key a new secret; the text is in this answer only', params: Id, body: Rotation, response: { 201: KeyWithText } } }, async (request, reply) => {
    const { caller, params: { id }, body } = request
    return await create(pool, request, reply, KeyWithText, async client => {
      const row = await lockUsable(client, caller, id, 'rotate')
      const text = createKeyText()
      await replaceSecret(client, id, text, body?.overlap_seconds ?? row.overlap_seconds, null)
      return { row: (await readKey(client, reachOf(caller), id))!, secret: { key: text } }
    })
  })

  app.post('/keys/:id/claim', { schema: { tags, summary: 'Fetch the text of an automatic rotation, once', params: Id, response: { 200: KeyWithText } } }, async ({ caller, params: { id } }) =>
    await inTransaction(pool, async client => {
      await lockUsable(client, caller, id, 'claim')
      const taken = await takeUnclaimed(client, id)
      if (taken === null) throw new SiraError('not_found', { resource: 'unclaimed secret of key', id })
      if (keyring === null) throw new SiraError('encryption_not_configured')
      const key = openUnclaimed(keyring, taken.unclaimed, taken.hash)
      return show(KeyWithText, { ...(await readKey(client, reachOf(caller), id))!, key })
    }))
}

export default keySecrets
