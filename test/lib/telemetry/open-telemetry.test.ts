import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import type { UsageRecord } from '../../../lib/contracts/usage.ts'
import { createOpenTelemetry } from '../../../lib/telemetry/open-telemetry.ts'
import { names } from '../../../lib/telemetry/gen-ai-names.ts'

interface Attribute { key: string, value: { stringValue?: string, intValue?: number | string, boolValue?: boolean, doubleValue?: number } }
interface Span { name: string, traceId: string, parentSpanId?: string, kind: number, startTimeUnixNano: string, endTimeUnixNano: string, status: { code: number, message?: string }, attributes: Attribute[] }
interface Metric { name: string, unit: string, histogram: { dataPoints: { count: number, sum: number, attributes: Attribute[] }[] } }
interface Traces { resourceSpans: { resource: { attributes: Attribute[] }, scopeSpans: { spans: Span[] }[] }[] }
interface Metrics { resourceMetrics: { scopeMetrics: { metrics: Metric[] }[] }[] }

/** An OpenTelemetry collector's OTLP/HTTP side, which keeps what comes. */
async function startCollector (t: ExecutionContext): Promise<{ url: string, spans: () => Span[], metrics: () => Metric[], services: () => unknown[] }> {
  const traces: Traces[] = []
  const metrics: Metrics[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const bytes = Buffer.concat(chunks)
      const body = JSON.parse((request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString()) as unknown
      if (request.url === '/v1/traces') traces.push(body as Traces)
      else if (request.url === '/v1/metrics') metrics.push(body as Metrics)
      else throw new Error(`nothing is at ${request.url}`)
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: () => traces.flatMap(({ resourceSpans }) => resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))),
    metrics: () => metrics.flatMap(({ resourceMetrics }) => resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(scope => scope.metrics))),
    services: () => traces.flatMap(({ resourceSpans }) => resourceSpans.map(({ resource }) => plain(resource.attributes)['service.name']))
  }
}

function plain (attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.boolValue ?? Number(value.intValue ?? value.doubleValue)]))
}

function recordOf (overrides: Partial<UsageRecord> = {}): UsageRecord {
  return {
    id: 'req_1', createdAt: 1_760_000_000_000, organizationId: 'org_1', projectId: 'proj_1', keyId: 'key_1', endpoint: '/v1/chat/completions', endUser: 'ann@example.com',
    model: 'small', provider: 'own', deployment: 'own/tiny', status: 200, errorCode: null, attempts: 2, usage: { inputTokens: 7, cachedInputTokens: 0, outputTokens: 5, reasoningTokens: 0 },
    cost: '1200', latencyMs: 250, firstTokenMs: null, stream: false, cached: false, estimated: false, ...overrides
  }
}

test('a request becomes a span with the conventions\' names, under the caller\'s trace', async t => {
  const collector = await startCollector(t)
  const telemetry = createOpenTelemetry(`${collector.url}/`)
  telemetry.observe(recordOf(), '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
  await telemetry.close()
  t.deepEqual(collector.services(), ['sira'])
  const [span, ...others] = collector.spans()
  t.is(others.length, 0)
  t.is(span!.name, 'chat small')
  t.is(span!.traceId, '0af7651916cd43dd8448eb211c80319c')
  t.is(span!.parentSpanId, 'b7ad6b7169203331')
  t.is(span!.kind, 3)
  t.is(span!.status.code, 0)
  t.is(BigInt(span!.endTimeUnixNano) - BigInt(span!.startTimeUnixNano), 250_000_000n)
  t.like(plain(span!.attributes), {
    [names.operation]: 'chat', [names.provider]: 'own', [names.requestModel]: 'small', [names.inputTokens]: 7, [names.outputTokens]: 5,
    'http.response.status_code': 200, 'sira.request.id': 'req_1', 'sira.deployment': 'own/tiny', 'sira.attempts': 2, 'sira.cost_pico_usd': '1200'
  })
  t.false(JSON.stringify(span).includes('ann@example.com'), 'end users are not told')
})

test('a request that failed is a span with an error, and one without a trace of its caller begins its own', async t => {
  const collector = await startCollector(t)
  const telemetry = createOpenTelemetry(collector.url)
  telemetry.observe(recordOf({ status: 502, errorCode: 'upstream_error', endpoint: '/v1/embeddings', provider: null, cost: null }), undefined)
  for (const nonsense of ['00-xyz', '00-00000000000000000000000000000000-0000000000000000-01']) telemetry.observe(recordOf(), nonsense)
  await telemetry.close()
  const spans = collector.spans()
  t.is(spans.length, 3)
  for (const { parentSpanId, traceId } of spans) {
    t.falsy(parentSpanId)
    t.notRegex(traceId, /^0+$/)
  }
  t.is(spans[0]!.name, 'embeddings small')
  t.deepEqual(spans[0]!.status, { code: 2, message: 'upstream_error' })
  t.is(plain(spans[0]!.attributes)[names.errorType], 'upstream_error')
})

test('durations and tokens arrive as histograms whose labels name no caller', async t => {
  const collector = await startCollector(t)
  const telemetry = createOpenTelemetry(collector.url)
  telemetry.observe(recordOf(), undefined)
  telemetry.observe(recordOf({ latencyMs: 750 }), undefined)
  await telemetry.close()
  const metrics = new Map(collector.metrics().map(metric => [metric.name, metric]))
  const duration = metrics.get(names.durationMetric)!
  t.is(duration.unit, 's')
  t.like(duration.histogram.dataPoints[0], { count: 2, sum: 1 })
  t.deepEqual(plain(duration.histogram.dataPoints[0]!.attributes), { [names.operation]: 'chat', [names.requestModel]: 'small', [names.provider]: 'own' })
  const tokens = metrics.get(names.tokenMetric)!.histogram.dataPoints
  t.deepEqual(tokens.map(({ sum, attributes }) => [plain(attributes)[names.tokenType], sum]).sort(), [['input', 14], ['output', 10]])
})

test('a collector that is away disturbs nobody', async t => {
  const telemetry = createOpenTelemetry('http://127.0.0.1:9')
  const startedAt = performance.now()
  for (let number = 0; number < 1_000; number++) telemetry.observe(recordOf(), undefined)
  t.true(performance.now() - startedAt < 1_000)
  await t.notThrowsAsync(telemetry.close())
})
