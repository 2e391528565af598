import { Type, type FastifyPluginAsyncTypebox, type Static } from '@fastify/type-provider-typebox'
import { SiraError } from '../../../../lib/errors.ts'
import { settingsFromJson } from '../../../../lib/providers/catalog-json.ts'
import { insertModel, listModels, lockModel } from '../../../../lib/store/admin-models.ts'
import { updateColumns } from '../../../../lib/store/admin-rows.ts'
import { inTransaction } from '../../../../lib/store/database.ts'
import { OneOf } from '../../../schemas.ts'
import { requireScopeOf } from '../../../plugins/authentication.ts'
import { create, Id, invalid, ListOf, ListQuery, ManagedBy, Nullable, pageOf, tags } from './common.ts'

const names = Type.Array(Type.String({ pattern: '^[!-~]{1,256}$' }), { minItems: 1, maxItems: 10 })
const positive = Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 })
/** As in the configuration file, whose rules check bounds; absent = its default. */
const settings = {
  fallbacks: names,
  context_fallbacks: names,
  content_fallbacks: names,
  timeout_ms: positive,
  idle_timeout_ms: positive,
  max_attempts: Type.Integer({ minimum: 1, maximum: 10 }),
  retry_after_timeout: Type.Boolean(),
  unsupported_parameters: OneOf(['refuse', 'drop'] as const),
  context_window: positive,
  max_output_tokens: positive,
  batch_discount: Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.String({ maxLength: 20 })])
}
const Settings = Type.Partial(Type.Object(settings), { additionalProperties: false })
const NewModel = Type.Object({ ...Id.properties, ...Settings.properties }, { additionalProperties: false })
const Changes = Type.Partial(Type.Object(Object.fromEntries(Object.entries(settings).map(([name, schema]) => [name, Nullable(schema)]))), { additionalProperties: false, minProperties: 1 })
const Model = Type.Object({
  id: Type.String(),
  settings: Type.Record(Type.String(), Type.Unknown(), { description: 'what was set; empty for one of the configuration file' }),
  deployments: Type.Array(Type.String(), { description: 'ids of the deployments that serve it now' }),
  managed_by: ManagedBy
})

/** Public model names. A slash in one is written %2F in a path. */
const models: FastifyPluginAsyncTypebox = async app => {
  const { pool, control: { fileCatalog }, catalog } = app.dependencies
  requireScopeOf(app, 'admin')
  const refuseFile = (id: string): void => {
    if (fileCatalog.models.has(id)) throw new SiraError('managed_by_config', { resource: 'model' })
  }
  const shown = (id: string, given: object, managedBy = 'api'): Static<typeof Model> =>
    ({ id, settings: { ...given }, deployments: catalog.models.get(id)?.deployments.map(deployment => deployment.id) ?? [], managed_by: managedBy })

  app.post('/models', { schema: { tags, summary: 'Add a model; deployments make it usable', body: NewModel, response: { 201: Model } } }, async (request, reply) => {
    const { id, ...given } = request.body
    refuseFile(id)
    settingsFromJson(given, '')
    return await create(pool, request, reply, Model, async client => {
      if (!await insertModel(client, id, given)) throw invalid('id', 'there is a model of this name already.')
      return { row: shown(id, given) }
    })
  })

  app.get('/models', { schema: { tags, summary: 'List models by name', querystring: ListQuery, response: { 200: ListOf(Model) } } }, async ({ query }) => {
    const stored = (await listModels(pool)).filter(row => !fileCatalog.models.has(row.id)).map(row => shown(row.id, row.settings))
    return pageOf([...[...fileCatalog.models.keys()].map(id => shown(id, {}, 'config')), ...stored], model => model.id, query)
  })

  app.get('/models/:id', { schema: { tags, summary: 'Get a model', params: Id, response: { 200: Model } } }, async ({ params: { id } }) => {
    if (fileCatalog.models.has(id)) return shown(id, {}, 'config')
    const row = await lockModel(pool, id)
    if (row === null) throw new SiraError('not_found', { resource: 'model', id })
    return shown(id, row.settings)
  })

  app.patch('/models/:id', { schema: { tags, summary: 'Change how a model is delivered; null = the default', params: Id, body: Changes, response: { 200: Model } } }, async ({ params: { id }, body }) => {
    refuseFile(id)
    return await inTransaction(pool, async client => {
      const row = await lockModel(client, id)
      if (row === null) throw new SiraError('not_found', { resource: 'model', id })
      const given = Object.fromEntries(Object.entries({ ...row.settings, ...body }).filter(([, value]) => value !== null))
      settingsFromJson(given, '')
      await updateColumns(client, 'model', { id }, { settings: JSON.stringify(given), updated_at: new Date() })
      return shown(id, given)
    })
  })

  app.delete('/models/:id', { schema: { tags, summary: 'Remove a model and its deployments', params: Id, response: { 204: Type.Null() } } }, async ({ params: { id } }, reply) => {
    refuseFile(id)
    const { rowCount } = await pool.query('DELETE FROM model WHERE id = $1', [id])
    if (rowCount === 0) throw new SiraError('not_found', { resource: 'model', id })
    return await reply.code(204).send(null)
  })
}

export default models
