import { readdir, readFile } from 'node:fs/promises'
import { Ajv2020 } from 'ajv/dist/2020.js'
import test from 'ava'
import { eventTypes, findEventType, isKnownPattern, isKnownType, matchesPattern } from '../../../lib/domain/event-types.ts'

test('a pattern takes its own type, everything, or what begins with its prefix', t => {
  const cases: Array<[pattern: string, type: string, takes: boolean]> = [
    ['batch.completed', 'batch.completed', true],
    ['batch.completed', 'batch.failed', false],
    ['*', 'ping', true],
    ['*', 'fine_tuning.job.failed', true],
    ['batch.*', 'batch.completed', true],
    ['batch.*', 'batch', false],
    ['batch.*', 'batches.completed', false],
    ['fine_tuning.*', 'fine_tuning.job.failed', true],
    ['fine_tuning.job.*', 'fine_tuning.job.failed', true],
    // an underscore is itself, not any character as in LIKE
    ['webhook_replay.*', 'webhook_replay.created', true],
    ['webhook_replay.*', 'webhookXreplay.created', false],
    ['batch*', 'batch.completed', false],
    ['*.completed', 'batch.completed', false],
    ['.*', 'batch.completed', false],
    ['%', 'batch.completed', false],
    ['', 'ping', false]
  ]
  for (const [pattern, type, takes] of cases) t.is(matchesPattern(pattern, type), takes, `${pattern} ${type}`)
})

test('a pattern is known when it takes at least one known type', t => {
  for (const pattern of ['*', 'batch.*', 'batch.completed', 'fine_tuning.*', 'video.completed', 'ping']) t.true(isKnownPattern(pattern), pattern)
  for (const pattern of ['', 'batch', 'batch.done', 'batches.*', '*.completed', '.*', '**', 'BATCH.*', 'batch.*.*', '__proto__', 'constructor']) t.false(isKnownPattern(pattern), pattern)
  t.true(isKnownType('ping'))
  t.false(isKnownType('*'))
  t.false(isKnownType('constructor'))
})

test('every event type is listed once, is spelled as Standard Webhooks asks, and has a schema that compiles and names the resource', t => {
  t.is(new Set(eventTypes.map(({ type }) => type)).size, eventTypes.length)
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, formats: { 'date-time': true } })
  for (const entry of eventTypes) {
    t.regex(entry.type, /^[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*$/)
    t.is(findEventType(entry.type), entry)
    const validate = ajv.compile(entry.schema)
    t.false(validate({}), entry.type)
    t.is(entry.description.includes('Not available yet'), !entry.available)
  }
})

test('every event type of OpenAI that Sira has or will have is spelled as its SDK spells it', async t => {
  const types = await readFile('node_modules/openai/resources/webhooks/webhooks.d.ts', 'utf8')
  const theirs = [...types.matchAll(/^ {4}type: '([^']+)';/gm)].map(match => match[1]!).filter(type => type !== 'realtime.call.incoming')
  t.true(theirs.length >= 14)
  for (const type of theirs) t.true(isKnownType(type), type)
})

test('every event type that stands in a statement of the code is in the registry and available', async t => {
  const found = new Set<string>()
  for (const folder of ['lib', 'api', 'activities', 'worker', 'prisma/migrations']) {
    for (const name of await readdir(folder, { recursive: true })) {
      if (!/\.(ts|sql)$/.test(name)) continue
      const source = await readFile(`${folder}/${name}`, 'utf8')
      // what stands between an INSERT INTO event and the end of its statement
      for (const [, statement] of source.matchAll(/INSERT INTO event \(([\s\S]{0,900})/g)) {
        for (const [, type] of statement!.matchAll(/'([a-z_]+\.[a-z_]+|ping)'/g)) found.add(type!)
      }
    }
  }
  t.true(found.has('key.rotated') && found.has('budget.threshold_reached'), [...found].join())
  for (const type of found) t.true(findEventType(type)?.available, type)
})
