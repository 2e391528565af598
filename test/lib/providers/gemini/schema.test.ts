import test from 'ava'
import { SiraError } from '../../../../lib/errors.ts'
import { toGeminiSchema } from '../../../../lib/providers/gemini/schema.ts'

const kept: ReadonlyArray<readonly [name: string, schema: object]> = [
  ['additionalProperties false', { type: 'object', properties: {}, additionalProperties: false }],
  ['$defs and $ref', { $defs: { a: { type: 'string' } }, type: 'object', properties: { x: { $ref: '#/$defs/a' } } }],
  ['unions', { anyOf: [{ type: 'string' }, { type: 'null' }] }],
  ['type lists', { type: ['string', 'null'] }],
  ['keywords it may not know', { type: 'string', pattern: '^a', default: 'abc', minLength: 2, 'x-hint': [{ $schema: 'kept, it is no schema' }] }],
  ['a property named like a keyword', { type: 'object', properties: { $ref: { type: 'string' }, const: { type: 'string' } } }],
  ['a boolean schema', { type: 'array', items: true }],
  ['const true, which has no enum', { const: true }]
]
for (const [name, schema] of kept) {
  test(`gemini schema: keeps ${name} (gemini-balance #281)`, t => {
    t.deepEqual(toGeminiSchema(schema, 'p'), schema)
  })
}

const converted: ReadonlyArray<readonly [name: string, schema: object, expected: object]> = [
  ['drops $schema at every level', { $schema: 'x', type: 'object', properties: { a: { $schema: 'x', type: 'string' } } }, { type: 'object', properties: { a: { type: 'string' } } }],
  ['drops what stands beside $ref', { properties: { a: { $ref: '#/$defs/b', description: 'd', default: 1 } } }, { properties: { a: { $ref: '#/$defs/b' } } }],
  [
    'turns definitions into $defs, with what refers to them',
    { definitions: { a: { const: 'x' } }, $defs: { b: {} }, items: { $ref: '#/definitions/a' } },
    { $defs: { b: {}, a: { enum: ['x'] } }, items: { $ref: '#/$defs/a' } }
  ],
  ['keeps the definitions beside a $ref at the top', { $ref: '#/definitions/a', definitions: { a: {} } }, { $ref: '#/$defs/a', $defs: { a: {} } }],
  ['turns const into an enum of one', { anyOf: [{ const: 'a' }, { const: 2 }] }, { anyOf: [{ enum: ['a'] }, { enum: [2] }] }],
  ['turns allOf of one into it', { description: 'd', allOf: [{ $schema: 'x', type: 'string' }] }, { description: 'd', type: 'string' }]
]
for (const [name, schema, expected] of converted) {
  test(`gemini schema: ${name}`, t => {
    t.deepEqual(toGeminiSchema(schema, 'p'), expected)
  })
}

test('gemini schema: one that never ends is refused', t => {
  let schema: object = { type: 'string' }
  for (let level = 0; level < 10_000; level++) schema = { items: schema }
  t.like(t.throws(() => toGeminiSchema(schema, 'tools[0]'), { instanceOf: SiraError }), { code: 'invalid_parameter', param: 'tools[0]' })
})
