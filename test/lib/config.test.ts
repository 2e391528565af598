import test from 'ava'
import { loadConfig } from '../../lib/config.ts'

test('an empty environment is a complete configuration', t => {
  const config = loadConfig({})
  t.is(config.api.port, 8080)
  t.is(config.temporalTls, false)
})

test('every bad value is named, all in one message, without its secret parts', t => {
  const error = t.throws(() => loadConfig({ PORT: '99999', DATABASE_URL: 'mysql://user:hunter2@host/db', SIRA_BATCH_MAX_ROWS: 'many', TEMPORAL_TLS: 'yes' }))
  for (const name of ['PORT', 'DATABASE_URL', 'SIRA_BATCH_MAX_ROWS', 'TEMPORAL_TLS']) t.true(error.message.includes(name), name)
  t.false(error.message.includes('hunter2'))
})

test('a Temporal API key implies TLS', t => {
  t.true(loadConfig({ TEMPORAL_API_KEY: 'x' }).temporalTls)
})
