const deepest = 20
const longestText = 60

type Schema = Readonly<Record<string, unknown>>

/**
 * A value that fits a simple JSON schema (type, properties, items, enum, const, anyOf, $ref to $defs): every property is there,
 * texts say that they are simulated. Always the same for the same schema.
 */
export function exampleOf (schema: unknown, text = 'simulated'): unknown {
  return example(schema, asSchema(schema), text.slice(0, longestText), 0)
}

function example (value: unknown, root: Schema, text: string, depth: number): unknown {
  const schema = resolve(asSchema(value), root)
  if (depth > deepest) return null
  if ('const' in schema) return schema['const']
  if (Array.isArray(schema['enum'])) return schema['enum'][0]
  const variants = schema['anyOf'] ?? schema['oneOf'] ?? schema['allOf']
  if (Array.isArray(variants)) return example(variants[0], root, text, depth + 1)
  const type = Array.isArray(schema['type']) ? schema['type'][0] : schema['type']
  switch (type ?? ('properties' in schema ? 'object' : 'string')) {
    case 'object':
      return Object.fromEntries(Object.entries(asSchema(schema['properties'])).map(([name, inner]) => [name, example(inner, root, text, depth + 1)]))
    case 'array': return [example(schema['items'], root, text, depth + 1)]
    case 'integer': return Math.ceil(numberOf(schema['minimum']))
    case 'number': return numberOf(schema['minimum'])
    case 'boolean': return true
    case 'null': return null
    default: return text
  }
}

function numberOf (minimum: unknown): number {
  return typeof minimum === 'number' ? minimum : 1
}

function resolve (schema: Schema, root: Schema): Schema {
  const reference = typeof schema['$ref'] === 'string' ? /^#\/(\$defs|definitions)\/(.+)$/.exec(schema['$ref']) : null
  return reference === null ? schema : asSchema(asSchema(root[reference[1]!])[reference[2]!])
}

function asSchema (value: unknown): Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Schema : {}
}
