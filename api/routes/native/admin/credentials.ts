import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { credentialPlace } from '../../../../lib/crypto/seal.ts'
import { SiraError } from '../../../../lib/errors.ts'
import { newId } from '../../../../lib/ids.ts'
import { deleteCredential, insertCredential, listCredentials, lockProvider, readProvider } from '../../../../lib/store/admin-providers.ts'
import { requireScopeOf } from '../../../plugins/authentication.ts'
import { create, invalid, ListOf, ListQuery, Name, Nullable, showPage, tags, Time } from './common.ts'
import { ProviderName } from './provider-schemas.ts'

const Credential = Type.Object({
  id: Type.String(), name: Type.String(), created_at: Time, expires_at: Nullable(Time), retire_at: Nullable(Time)
}, { description: 'write-only: no part of the secret is ever shown' })
const NewCredential = Type.Object({
  name: Name,
  secret: Type.String({ pattern: '^[!-~]{1,4096}$' }),
  expires_at: Type.Optional(Time),
  retire_others_after_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_592_000, description: 'a rotation: the credentials before are used this much longer' }))
}, { additionalProperties: false })

/** Secrets of a provider: sealed as they come in, opened only where calls are made. */
const credentials: FastifyPluginAsyncTypebox = async app => {
  const { pool, keyring, control: { fileCatalog } } = app.dependencies
  requireScopeOf(app, 'admin')
  const absent = (name: string): SiraError => new SiraError('not_found', { resource: 'provider', id: name })
  const refuseFile = (name: string): void => {
    if (fileCatalog.providers.has(name)) throw new SiraError('managed_by_config', { resource: 'provider' })
  }

  app.post('/providers/:name/credentials', { schema: { tags, summary: 'Add a credential to a provider', params: ProviderName, body: NewCredential, response: { 201: Credential } } }, async (request, reply) => {
    const { params: { name: provider }, body } = request
    refuseFile(provider)
    if (keyring === null) throw new SiraError('encryption_not_configured')
    if (body.expires_at !== undefined && Date.parse(body.expires_at) <= Date.now()) throw invalid('expires_at', 'it is in the past.')
    return await create(pool, request, reply, Credential, async client => {
      if (await lockProvider(client, provider) === null) throw absent(provider)
      const id = newId('credential')
      const credential = { id, provider, name: body.name, expiresAt: body.expires_at ?? null, ...keyring.seal(body.secret, credentialPlace(id)) }
      return { row: await insertCredential(client, credential, body.retire_others_after_seconds ?? null) }
    })
  })

  app.get('/providers/:name/credentials', { schema: { tags, summary: 'List credentials, newest first', params: ProviderName, querystring: ListQuery, response: { 200: ListOf(Credential) } } }, async ({ params: { name }, query }) => {
    refuseFile(name)
    if (await readProvider(pool, name) === null) throw absent(name)
    return showPage(Credential, await listCredentials(pool, name, query))
  })

  app.delete('/providers/:name/credentials/:id', {
    schema: { tags, summary: 'Remove a credential', params: Type.Object({ ...ProviderName.properties, id: Type.String({ pattern: '^[!-~]{1,200}$' }) }), response: { 204: Type.Null() } }
  }, async ({ params: { name, id } }, reply) => {
    refuseFile(name)
    if (!await deleteCredential(pool, name, id)) throw new SiraError('not_found', { resource: 'credential', id })
    return await reply.code(204).send(null)
  })
}

export default credentials
