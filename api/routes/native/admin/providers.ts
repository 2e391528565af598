import { Type, type FastifyPluginAsyncTypebox, type Static } from '@fastify/type-provider-typebox'
import { SiraError } from '../../../../lib/errors.ts'
import { providerFromJson } from '../../../../lib/providers/catalog-json.ts'
import type { ProviderConfig } from '../../../../lib/providers/catalog-types.ts'
import { insertProvider, isProviderInUse, listProviders, lockProvider, readProvider, type ProviderRow } from '../../../../lib/store/admin-providers.ts'
import { updateColumns } from '../../../../lib/store/admin-rows.ts'
import { inTransaction } from '../../../../lib/store/database.ts'
import { requireScopeOf } from '../../../plugins/authentication.ts'
import { create, invalid, ListOf, ListQuery, pageOf, tags } from './common.ts'
import { NewProvider, Provider, ProviderChanges, ProviderName } from './provider-schemas.ts'

/** Upstream accounts; those of the configuration file are shown beside the stored ones. */
const providers: FastifyPluginAsyncTypebox = async app => {
  const { pool, control: { fileCatalog }, config } = app.dependencies
  requireScopeOf(app, 'admin')

  const check = (row: Pick<ProviderRow, 'name' | 'kind' | 'base_url' | 'settings'>): ProviderConfig => {
    const provider = providerFromJson({ ...row.settings, name: row.name, kind: row.kind, ...(row.base_url === '' ? {} : { base_url: row.base_url }) }, [], '')
    // which addresses a provider may have is the address guard's matter, which comes with webhooks
    if (new URL(provider.baseUrl).protocol !== 'https:' && !config.control.allowHttpProviders) throw invalid('base_url', 'an https:// URL is needed.')
    return provider
  }
  const refuseFile = (name: string): void => {
    if (fileCatalog.providers.has(name)) throw new SiraError('managed_by_config', { resource: 'provider' })
  }
  const absent = (name: string): SiraError => new SiraError('not_found', { resource: 'provider', id: name })

  app.post('/providers', { schema: { tags, summary: 'Add a provider', body: NewProvider, response: { 201: Provider } } }, async (request, reply) => {
    const { name, kind, base_url: baseUrl = '', ...settings } = request.body
    refuseFile(name)
    const provider = check({ name, kind, base_url: baseUrl, settings })
    return await create(pool, request, reply, Provider, async client => {
      if (!await insertProvider(client, { name, kind, baseUrl: provider.baseUrl, settings })) throw invalid('name', 'there is a provider of this name already.')
      return { row: shown(provider, 0, 'api') }
    })
  })

  app.get('/providers', { schema: { tags, summary: 'List providers by name', querystring: ListQuery, response: { 200: ListOf(Provider) } } }, async ({ query }) => {
    const stored = (await listProviders(pool)).filter(row => !fileCatalog.providers.has(row.name)).map(row => shownRow(row))
    const ofFile = [...fileCatalog.providers.values()].map(provider => shown(provider, provider.credentials.length, 'config'))
    return pageOf([...ofFile, ...stored], provider => provider.name, query)
  })

  app.get('/providers/:name', { schema: { tags, summary: 'Get a provider', params: ProviderName, response: { 200: Provider } } }, async ({ params: { name } }) => {
    const ofFile = fileCatalog.providers.get(name)
    if (ofFile !== undefined) return shown(ofFile, ofFile.credentials.length, 'config')
    const row = await readProvider(pool, name)
    if (row === null) throw absent(name)
    return shownRow(row)
  })

  app.patch('/providers/:name', { schema: { tags, summary: 'Change a provider', params: ProviderName, body: ProviderChanges, response: { 200: Provider } } }, async ({ params: { name }, body }) => {
    refuseFile(name)
    return await inTransaction(pool, async client => {
      const row = await lockProvider(client, name)
      if (row === null) throw absent(name)
      const { base_url: baseUrl = row.base_url, ...changes } = body
      const settings = Object.fromEntries(Object.entries({ ...row.settings, ...changes }).filter(([, value]) => value !== null))
      const provider = check({ ...row, base_url: baseUrl, settings })
      // a stored credential would go to whoever is behind the new address, and nobody may read it
      if (row.credentials > 0 && new URL(provider.baseUrl).origin !== new URL(row.base_url).origin) throw invalid('base_url', 'another server would get the stored credentials. Delete them first.')
      await updateColumns(client, 'provider', { name }, { base_url: provider.baseUrl, settings: JSON.stringify(settings), updated_at: new Date() })
      return shown(provider, row.credentials, 'api')
    })
  })

  app.delete('/providers/:name', { schema: { tags, summary: 'Remove a provider and its credentials', params: ProviderName, response: { 204: Type.Null() } } }, async ({ params: { name } }, reply) => {
    refuseFile(name)
    await inTransaction(pool, async client => {
      if (await lockProvider(client, name) === null) throw absent(name)
      if (await isProviderInUse(client, name)) throw new SiraError('state_conflict', { action: 'delete', resource: 'provider', state: 'in use by deployments' })
      await client.query('DELETE FROM provider WHERE name = $1', [name])
    })
    return await reply.code(204).send(null)
  })
}

function shownRow (row: ProviderRow): Static<typeof Provider> {
  return shown(providerFromJson({ ...row.settings, name: row.name, kind: row.kind, base_url: row.base_url }, []), row.credentials, 'api')
}

function shown (provider: ProviderConfig, credentials: number, managedBy: 'api' | 'config'): Static<typeof Provider> {
  return {
    name: provider.name,
    kind: provider.kind,
    base_url: provider.baseUrl,
    credential_use: provider.credentialUse,
    api_version: provider.apiVersion,
    max_concurrency: provider.maxConcurrency,
    requests_per_minute: provider.requestsPerMinute,
    tokens_per_minute: provider.tokensPerMinute,
    credentials,
    managed_by: managedBy
  }
}

export default providers
