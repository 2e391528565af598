import { Type } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import { mayUseModel } from '../../../lib/contracts/scopes.ts'
import { SiraError } from '../../../lib/errors.ts'

const Model = Type.Object({ id: Type.String(), object: Type.Literal('model'), created: Type.Integer(), owned_by: Type.String() })

/** The models that a key may use: another is as absent as one that is not configured. */
export default async function models (app: FastifyInstance): Promise<void> {
  const { catalog } = app.dependencies
  // OpenAI's `created` is when the model was released; ours only says since when this process offers it
  const created = Math.floor(Date.now() / 1000)
  const serialize = (id: string, provider: string): { id: string, object: 'model', created: number, owned_by: string } => ({ id, object: 'model', created, owned_by: provider })

  app.get('/models', { schema: { tags: ['Models'], summary: 'List models', response: { 200: Type.Object({ object: Type.Literal('list'), data: Type.Array(Model) }) } } },
    async ({ caller }) => ({
      object: 'list' as const,
      data: [...catalog.models.values()].filter(({ id }) => mayUseModel(caller.models, id)).map(model => serialize(model.id, model.provider))
    }))

  // a model's id may hold slashes and colons
  app.get<{ Params: { '*': string } }>('/models/*', { schema: { tags: ['Models'], summary: 'Get a model', response: { 200: Model } } }, async request => {
    const model = catalog.models.get(request.params['*'])
    if (model === undefined || !mayUseModel(request.caller.models, model.id)) throw new SiraError('model_not_found', { model: request.params['*'].slice(0, 100) }, { param: 'model' })
    return serialize(model.id, model.provider)
  })
}
