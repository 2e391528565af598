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

test('webhooks go to https: on two ports and to public addresses only, unless the environment opens more', t => {
  t.deepEqual(loadConfig({}).webhooks.outbound, { allowHttp: false, ports: [443, 8443], allowedNetworks: [], denyOwnAddresses: true })
  const opened = loadConfig({ SIRA_WEBHOOK_ALLOW_HTTP: 'true', SIRA_WEBHOOK_ALLOW_PORTS: '443, 9000', SIRA_WEBHOOK_ALLOW_NETWORKS: '127.0.0.0/8, fd00::/8,10.1.2.3' })
  t.deepEqual(opened.webhooks.outbound, { allowHttp: true, ports: [443, 9000], allowedNetworks: ['127.0.0.0/8', 'fd00::/8', '10.1.2.3'], denyOwnAddresses: true })
  t.is(loadConfig({ SIRA_WEBHOOK_ALLOW_PORTS: 'any' }).webhooks.outbound.ports, 'any')
})

test('ports and networks that are none are bad values', t => {
  for (const ports of ['0', '65536', 'https', '443,any', '4e2', '-1', ',']) t.throws(() => loadConfig({ SIRA_WEBHOOK_ALLOW_PORTS: ports }), { message: /SIRA_WEBHOOK_ALLOW_PORTS/ }, ports)
  for (const network of ['10.0.0.0/33', 'example.com', '10.0.0', '::/129', '10.0.0.0/8/8', '10.0.0.0/8,all']) t.throws(() => loadConfig({ SIRA_WEBHOOK_ALLOW_NETWORKS: network }), { message: /SIRA_WEBHOOK_ALLOW_NETWORKS/ }, network)
})
