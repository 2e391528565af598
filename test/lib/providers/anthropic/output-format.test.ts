import test from 'ava'
import type { ResponseFormat } from '../../../../lib/contracts/chat.ts'
import { SiraError } from '../../../../lib/errors.ts'
import { toMessagesRequest } from '../../../../lib/providers/anthropic/request.ts'
import { toOutputSchema } from '../../../../lib/providers/anthropic/schema.ts'

function translate (format: ResponseFormat): ReturnType<typeof toMessagesRequest> {
  return toMessagesRequest({ model: 'claude-sonnet-5', messages: [{ role: 'system', content: 'Be kind.' }, { role: 'user', content: 'Hello' }], response_format: format })
}

test('anthropic output format: a JSON schema is asked for natively, not by a forced tool (litellm #9594, #26334)', t => {
  const schema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false }
  const request = translate({ type: 'json_schema', json_schema: { name: 'x', schema, strict: true } })
  t.deepEqual(request.output_config, { format: { type: 'json_schema', schema } })
  t.is(request.tools, undefined)
  t.deepEqual(request.system, [{ type: 'text', text: 'Be kind.' }])
})

test('anthropic output format: any JSON object is asked for in words, after what the client said', t => {
  const { system, output_config: config } = translate({ type: 'json_object' })
  t.is(config, undefined)
  t.is(system!.length, 2)
  t.is(system![0]!.text, 'Be kind.')
  t.regex(system![1]!.text, /one JSON object/)
})

test('anthropic output format: a schema with free keys is asked for in words, as closed it would stay empty', t => {
  const schema = { type: 'object', properties: { scores: { type: 'object', additionalProperties: { type: 'number' } } } }
  const { system, output_config: config } = translate({ type: 'json_schema', json_schema: { name: 'x', schema } })
  t.is(config, undefined)
  t.true(system![1]!.text.includes(JSON.stringify(schema)))
})

test('anthropic output format: text is the default', t => {
  const { system, output_config: config } = translate({ type: 'text' })
  t.is(config, undefined)
  t.is(system!.length, 1)
})

test('anthropic output format: objects are closed at every level, bounds become words, oneOf becomes anyOf', t => {
  t.deepEqual(toOutputSchema({
    $schema: 'x',
    type: 'object',
    properties: {
      age: { type: 'integer', minimum: 0, maximum: 150, description: 'In years.' },
      tags: { type: 'array', minItems: 1, maxItems: 3, items: { type: 'object', properties: { name: { type: 'string', pattern: '^a' } }, additionalProperties: true } },
      pet: { oneOf: [{ $ref: '#/$defs/cat' }, { type: 'null' }] },
      minimum: { type: 'string' }
    },
    $defs: { cat: { type: 'object', properties: { lives: { type: 'number' } } } }
  }, 'response_format'), {
    type: 'object',
    properties: {
      age: { type: 'integer', description: 'In years. (minimum: 0, maximum: 150)' },
      tags: { type: 'array', minItems: 1, items: { type: 'object', properties: { name: { type: 'string', description: '(pattern: "^a")' } }, additionalProperties: false }, description: '(maxItems: 3)' },
      pet: { anyOf: [{ $ref: '#/$defs/cat' }, { type: 'null' }] },
      minimum: { type: 'string' }
    },
    $defs: { cat: { type: 'object', properties: { lives: { type: 'number' } }, additionalProperties: false } },
    additionalProperties: false
  })
})

test('anthropic output format: a schema nested beyond measure is refused, not an overflow', t => {
  let schema: Record<string, unknown> = { type: 'string' }
  for (let depth = 0; depth < 5000; depth++) schema = { type: 'array', items: schema }
  t.throws(() => toOutputSchema(schema, 'response_format'), { instanceOf: SiraError })
})
