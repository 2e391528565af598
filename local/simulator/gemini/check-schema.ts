import type { JsonObject } from '../answers/answer.ts'

/** All that the older field for schemas knows; anything else in it is refused. */
const schemaFields = new Set([
  'type', 'format', 'title', 'description', 'nullable', 'enum', 'items', 'maxItems', 'minItems', 'properties', 'required', 'minProperties', 'maxProperties',
  'minLength', 'maxLength', 'pattern', 'example', 'anyOf', 'propertyOrdering', 'default', 'minimum', 'maximum'
])

/** What is wrong with the schemas of tools and answer; null = nothing. */
export function checkTools (body: JsonObject): string | null {
  const declarations = ((body['tools'] ?? []) as readonly { functionDeclarations?: readonly JsonObject[] }[]).flatMap(tool => tool.functionDeclarations ?? [])
  for (const [index, { name, parameters, parametersJsonSchema }] of declarations.entries()) {
    const where = `tools[0].function_declarations[${index}]`
    if (typeof name !== 'string' || !/^[A-Za-z_][\w.:-]{0,127}$/.test(name)) return `Invalid value at '${where}.name'`
    const wrong = checkSchema(parameters, `${where}.parameters`) ?? checkJsonSchema(parametersJsonSchema, `${where}.parameters_json_schema`)
    if (wrong !== null) return wrong
  }
  const config = (body['generationConfig'] ?? {}) as JsonObject
  return checkSchema(config['responseSchema'], 'generation_config.response_schema') ??
    checkJsonSchema(config['responseJsonSchema'], 'generation_config.response_json_schema')
}

function checkSchema (schema: unknown, where: string): string | null {
  for (const { path, keyword } of keywordsOf(schema, where)) {
    if (!schemaFields.has(keyword)) return `Invalid JSON payload received. Unknown name "${keyword}" at '${path}': Cannot find field.`
  }
  return null
}

function checkJsonSchema (schema: unknown, where: string): string | null {
  for (const { path, keyword, beside } of keywordsOf(schema, where)) {
    if (beside.includes('$ref') && !keyword.startsWith('$')) return `reference to undefined or mixed schema at '${path}': no other fields may be set beside $ref.`
    if (keyword === '$ref' && !/^#(\/\$defs\/|$)/.test(String(beside.at(-1)))) return `reference to undefined schema at '${path}'`
  }
  return null
}

interface Keyword {
  readonly path: string
  readonly keyword: string
  /** The keywords of the same schema, and the value of $ref last. */
  readonly beside: readonly string[]
}

function * keywordsOf (schema: unknown, path: string): Generator<Keyword> {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return
  const entries = Object.entries(schema)
  const beside = [...entries.map(([keyword]) => keyword), String((schema as JsonObject)['$ref'])]
  for (const [keyword, value] of entries) {
    yield { path, keyword, beside }
    if (keyword === 'properties' || keyword === '$defs') {
      for (const [name, inner] of Object.entries(value as object)) yield * keywordsOf(inner, `${path}.${keyword}.${name}`)
    } else if (Array.isArray(value)) for (const inner of value) yield * keywordsOf(inner, `${path}.${keyword}`)
    else yield * keywordsOf(value, `${path}.${keyword}`)
  }
}
