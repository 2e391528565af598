import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { SiraError } from '../../../../lib/errors.ts'
import { priceSheetFromJson } from '../../../../lib/providers/catalog-json.ts'
import { insertDeployment, listDeployments, lockDeployment, lockModel } from '../../../../lib/store/admin-models.ts'
import { readProvider } from '../../../../lib/store/admin-providers.ts'
import { updateColumns } from '../../../../lib/store/admin-rows.ts'
import { inTransaction } from '../../../../lib/store/database.ts'
import { requireScopeOf } from '../../../plugins/authentication.ts'
import { create, Id, invalid, ListOf, pageFields, Reference, show, showPage, tags, Time } from './common.ts'

const Prices = Type.Record(Type.String(), Type.Unknown(), { description: 'USD per million tokens as in the configuration file: input, cached_input, output …; what is left out is unknown' })
const fields = {
  upstream: Type.String({ pattern: '^[!-~]{1,256}$', description: "the model's name at the provider" }),
  weight: Type.Integer({ minimum: 0, maximum: 1000 }),
  priority: Type.Integer({ minimum: 0, maximum: 100, description: 'lower is tried first' }),
  prices: Prices
}
const Deployment = Type.Object({ id: Type.String(), model_id: Type.String(), provider: Type.String(), ...fields, created_at: Time })
const NewDeployment = Type.Object({ model_id: Reference, provider: Reference, ...Type.Partial(Type.Object(fields)).properties }, { additionalProperties: false })
const Changes = Type.Partial(Type.Object(fields), { additionalProperties: false, minProperties: 1 })
const DeploymentQuery = Type.Object({ ...pageFields, model_id: Type.Optional(Reference) }, { additionalProperties: false })

/** Where stored models are served, and at what price. */
const deployments: FastifyPluginAsyncTypebox = async app => {
  const { pool, control: { fileCatalog } } = app.dependencies
  requireScopeOf(app, 'admin')
  const absent = (id: string): SiraError => new SiraError('not_found', { resource: 'deployment', id })

  app.post('/deployments', { schema: { tags, summary: 'Serve a model by a provider', body: NewDeployment, response: { 201: Deployment } } }, async (request, reply) => {
    const { model_id: model, provider, upstream = model, weight = 1, priority = 0, prices = {} } = request.body
    if (fileCatalog.models.has(model)) throw new SiraError('managed_by_config', { resource: 'model' })
    priceSheetFromJson(prices)
    return await create(pool, request, reply, Deployment, async client => {
      if (await lockModel(client, model) === null) throw invalid('model_id', 'there is no such model.')
      if (!fileCatalog.providers.has(provider) && await readProvider(client, provider) === null) throw invalid('provider', 'there is no such provider.')
      return { row: await insertDeployment(client, { model_id: model, provider, upstream, weight, priority, prices }) }
    })
  })

  app.get('/deployments', { schema: { tags, summary: 'List stored deployments, newest first', querystring: DeploymentQuery, response: { 200: ListOf(Deployment) } } },
    async ({ query }) => showPage(Deployment, await listDeployments(pool, query)))

  app.get('/deployments/:id', { schema: { tags, summary: 'Get a deployment', params: Id, response: { 200: Deployment } } }, async ({ params: { id } }) => {
    const row = await lockDeployment(pool, id)
    if (row === null) throw absent(id)
    return show(Deployment, row)
  })

  app.patch('/deployments/:id', { schema: { tags, summary: 'Change a deployment', params: Id, body: Changes, response: { 200: Deployment } } }, async ({ params: { id }, body }) => {
    if (body.prices !== undefined) priceSheetFromJson(body.prices)
    return await inTransaction(pool, async client => {
      if (await lockDeployment(client, id) === null) throw absent(id)
      await updateColumns(client, 'deployment', { id }, { ...body, prices: body.prices === undefined ? undefined : JSON.stringify(body.prices) })
      return show(Deployment, (await lockDeployment(client, id))!)
    })
  })

  app.delete('/deployments/:id', { schema: { tags, summary: 'Serve a model here no more', params: Id, response: { 204: Type.Null() } } }, async ({ params: { id } }, reply) => {
    const { rowCount } = await pool.query('DELETE FROM deployment WHERE id = $1', [id])
    if (rowCount === 0) throw absent(id)
    return await reply.code(204).send(null)
  })
}

export default deployments
