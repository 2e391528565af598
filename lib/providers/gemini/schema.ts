import { SiraError } from '../../errors.ts'
import { isObject } from './wire.ts'

/** Deeper than any schema that a person wrote; recursion has to end somewhere. */
const mostLevels = 64

/** Keywords whose value maps names to schemas, is a list of schemas, or is one schema. */
const maps = new Set(['properties', '$defs', 'definitions', 'patternProperties', 'dependentSchemas'])
const lists = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems'])
const single = new Set(['items', 'additionalProperties', 'contains', 'not', 'if', 'then', 'else', 'propertyNames'])

/**
 * A JSON Schema as Gemini's fields for JSON Schema take it. They know most of it ($defs, $ref, unions, additionalProperties,
 * type lists) and ignore keywords they do not know, so that almost everything stays as it is: stripping blindly makes the calls
 * worse (gemini-balance #281). What changes:
 * - `$schema` goes: it means nothing inside a request;
 * - `definitions` become `$defs`, which is where Gemini looks, and references follow;
 * - beside `$ref` only keywords with a $ may stay, others are a 400;
 * - `const` becomes an `enum` of one, for texts and numbers, which Gemini follows where it would ignore `const`;
 * - `allOf` of one schema becomes that schema, for the same reason.
 */
export function toGeminiSchema (schema: unknown, param: string): unknown {
  return convert(schema, param, 0)
}

function convert (schema: unknown, param: string, level: number): unknown {
  if (!isObject(schema)) return schema
  if (level > mostLevels) throw new SiraError('invalid_parameter', { param, reason: `The schema has more than ${mostLevels} levels.` })
  const referring = typeof schema.$ref === 'string'
  const result: Record<string, unknown> = {}
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === '$schema' || (referring && !keyword.startsWith('$') && keyword !== 'definitions')) continue
    if (keyword === '$ref') result.$ref = typeof value === 'string' ? value.replace(/^#\/definitions\//, '#/$defs/') : value
    else if (keyword === 'const' && (typeof value === 'string' || typeof value === 'number')) result.enum = [value]
    else if (keyword === 'allOf' && Array.isArray(value) && value.length === 1) Object.assign(result, convert(value[0], param, level + 1))
    else if (maps.has(keyword) && isObject(value)) addDefinitions(result, keyword === 'definitions' ? '$defs' : keyword, convertMap(value, param, level))
    else if (lists.has(keyword) && Array.isArray(value)) result[keyword] = value.map(entry => convert(entry, param, level + 1))
    else if (single.has(keyword)) result[keyword] = convert(value, param, level + 1)
    else result[keyword] = value
  }
  return result
}

function convertMap (schemas: Record<string, unknown>, param: string, level: number): Record<string, unknown> {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, convert(schema, param, level + 1)]))
}

/** A schema may have both `definitions` and `$defs`. */
function addDefinitions (result: Record<string, unknown>, keyword: string, schemas: Record<string, unknown>): void {
  const before = result[keyword]
  result[keyword] = isObject(before) ? { ...before, ...schemas } : schemas
}
