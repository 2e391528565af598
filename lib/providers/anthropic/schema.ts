import { SiraError } from '../../errors.ts'

type Schema = Readonly<Record<string, unknown>>

const deepest = 100
/** Bounds that structured output does not enforce. Told to the model in words rather than lost. */
const bounds = [
  'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength', 'pattern', 'maxItems', 'uniqueItems',
  'minProperties', 'maxProperties'
]
const lists = ['anyOf', 'allOf', 'prefixItems']
const maps = ['properties', '$defs', 'definitions']

/**
 * A JSON schema as Anthropic's structured output and strict tools take it: every object closed (what fits the closed one fits the open one), oneOf as
 * anyOf, bounds in the description. null when the schema has an object with free keys, which closed would always be empty.
 */
export function toOutputSchema (schema: Schema, param: string): Schema | null {
  return convert(schema, param, 0)
}

function convert (schema: Schema, param: string, depth: number): Schema | null {
  if (depth > deepest) throw new SiraError('invalid_parameter', { param, reason: 'the schema is nested too deeply.' })
  const converted: Record<string, unknown> = {}
  const said: string[] = []
  for (const [key, value] of Object.entries(schema)) {
    if (key === '$schema' || key === 'additionalProperties') continue
    if (bounds.includes(key) || (key === 'minItems' && value !== 0 && value !== 1)) {
      said.push(`${key}: ${JSON.stringify(value)}`)
    } else if (maps.includes(key) && isSchema(value)) {
      const inner = convertMap(value, param, depth)
      if (inner === null) return null
      converted[key] = inner
    } else if ((lists.includes(key) || key === 'oneOf') && Array.isArray(value)) {
      const inner = value.map(entry => isSchema(entry) ? convert(entry, param, depth + 1) : entry)
      if (inner.includes(null)) return null
      converted[key === 'oneOf' ? 'anyOf' : key] = inner
    } else if (key === 'items' && isSchema(value)) {
      const inner = convert(value, param, depth + 1)
      if (inner === null) return null
      converted[key] = inner
    } else {
      converted[key] = value
    }
  }
  if (schema['type'] === 'object' || isSchema(schema['properties'])) {
    if (!isSchema(schema['properties']) && schema['additionalProperties'] !== false) return null
    converted['additionalProperties'] = false
  }
  if (said.length > 0) {
    const description = typeof schema['description'] === 'string' ? `${schema['description']} ` : ''
    converted['description'] = `${description}(${said.join(', ')})`
  }
  return converted
}

function convertMap (map: Schema, param: string, depth: number): Schema | null {
  const converted: [string, unknown][] = []
  for (const [name, value] of Object.entries(map)) {
    const inner = isSchema(value) ? convert(value, param, depth + 1) : value
    if (inner === null) return null
    converted.push([name, inner])
  }
  return Object.fromEntries(converted)
}

function isSchema (value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
