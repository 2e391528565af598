import { Ajv, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'
import type { FastifyInstance } from 'fastify'
import type { FastifyRouteSchemaDef, FastifySchema } from 'fastify/types/schema.js'
import { checkDepth } from '../../lib/gateway/large-body/check-depth.ts'

// Query strings and path parameters are text, so "20" must pass as an integer. A JSON body says what it means: "20" is no integer there.
// strictNumbers: JSON.parse makes Infinity of 1e999, which would pass as a whole number.
const strict = new Ajv({ strict: false, strictNumbers: true, useDefaults: true, coerceTypes: false, removeAdditional: false })
const coercing = new Ajv({ strict: false, useDefaults: true, coerceTypes: 'array', removeAdditional: false })
formats.default(strict)
formats.default(coercing)

export function compileValidator ({ schema, httpPart }: FastifyRouteSchemaDef<FastifySchema>): ValidateFunction {
  return (httpPart === 'body' ? strict : coercing).compile(schema)
}

/** Before the schema walks them. */
export function refuseDeepBodies (app: FastifyInstance): void {
  app.addHook('preValidation', (request, _reply, done) => {
    checkDepth(request.body)
    done()
  })
}

/** Throws what Fastify throws for a body that is not as the schema says. */
export function createBodyCheck (schema: object): (body: unknown) => void {
  const validate = strict.compile(schema)
  return body => {
    if (!validate(body)) throw Object.assign(new Error('body is invalid'), { validation: validate.errors, validationContext: 'body', statusCode: 400 })
  }
}
