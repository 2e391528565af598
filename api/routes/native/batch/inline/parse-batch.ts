import { SiraError } from '../../../../../lib/errors.ts'
import { checkDepth } from '../../../../../lib/gateway/large-body/check-depth.ts'
import { readObject } from '../../../../../lib/gateway/large-body/json-bytes.ts'

/** The JSON object of a batch, large or small. Throws SiraError invalid_json, also for a key that would be a prototype, as Fastify does elsewhere. */
export function parseBatch (bytes: Uint8Array): Record<string, unknown> {
  const { body } = readObject(bytes)
  checkDepth(body) // before the walk
  refusePrototypes(body)
  return body
}

function refusePrototypes (value: object): void {
  const made: unknown = Object.hasOwn(value, 'constructor') ? value.constructor : null
  if (Object.hasOwn(value, '__proto__') || (typeof made === 'object' && made !== null && Object.hasOwn(made, 'prototype'))) {
    throw new SiraError('invalid_json', { reason: 'a key in it is the name of a prototype.' })
  }
  for (const part of Object.values(value) as unknown[]) if (typeof part === 'object' && part !== null) refusePrototypes(part)
}
