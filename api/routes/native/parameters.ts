import { Type } from '@fastify/type-provider-typebox'
import type { Static } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import { mayUseModel } from '../../../lib/contracts/scopes.ts'
import { SiraError } from '../../../lib/errors.ts'
import { describeParameters } from '../../../lib/providers/parameters/index.ts'

const Query = Type.Object({ model: Type.String({ minLength: 1, maxLength: 256 }) })

const Parameter = Type.Object({
  parameter: Type.String(),
  support: Type.String({ description: 'supported, renamed, translated, ignored (the answer is the same without it) or unsupported (refused, or dropped and named)' }),
  renamed_to: Type.Union([Type.String(), Type.Null()]),
  range: Type.Union([Type.Object({ min: Type.Number(), max: Type.Number(), outside: Type.String(), provider_min: Type.Number(), provider_max: Type.Number() }), Type.Null()]),
  max_items: Type.Union([Type.Integer(), Type.Null()]),
  values: Type.Union([Type.Array(Type.String()), Type.Null()]),
  note: Type.Union([Type.String(), Type.Null()])
})
const Answer = Type.Object({
  object: Type.Literal('parameters'),
  model: Type.String(),
  unsupported_parameters: Type.String({ description: 'what becomes of them: refuse or drop' }),
  deployments: Type.Array(Type.Object({ id: Type.String(), provider: Type.String(), kind: Type.String(), parameters: Type.Array(Parameter) }))
})

/** What each deployment of a model makes of the parameters of chat completions. */
export default async function parameters (app: FastifyInstance): Promise<void> {
  const { catalog } = app.dependencies

  app.get<{ Querystring: Static<typeof Query> }>('/parameters', {
    schema: { tags: ['Models'], summary: 'Parameters that a model takes', querystring: Query, response: { 200: Answer } }
  }, async request => {
    const model = catalog.models.get(request.query.model)
    const { models } = request.caller
    if (model === undefined) throw new SiraError('model_not_found', { model: request.query.model.slice(0, 100) }, { param: 'model' })
    if (!mayUseModel(models, model.id)) throw new SiraError('model_not_allowed', { model: model.id }, { param: 'model' })
    return {
      object: 'parameters' as const,
      model: model.id,
      unsupported_parameters: model.policy.unsupported,
      deployments: model.deployments.flatMap(({ id, provider, upstream }) => {
        const kind = catalog.providers.get(provider)?.kind
        return kind === undefined ? [] : [{ id, provider, kind, parameters: describeParameters(kind, upstream) }]
      })
    }
  })
}
