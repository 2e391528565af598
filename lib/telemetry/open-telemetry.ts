import { context, SpanKind, SpanStatusCode, TraceFlags, trace, type Context } from '@opentelemetry/api'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import type { UsageRecord } from '../contracts/usage.ts'
import { durationBounds, names, operationOf, spanAttributes, tokenBounds } from './gen-ai-names.ts'

export interface OpenTelemetry {
  /** `traceparent` is the request's header (W3C Trace Context); what it says is the span's parent. */
  observe: (record: UsageRecord, traceparent: string | undefined) => void
  /** Sends what waits. */
  close: () => Promise<void>
}

/** ms between exports, and for one of them. */
const interval = 5_000
const timeout = 5_000

/**
 * Spans and metrics to a collector by OTLP over HTTP. A span is made when its request has ended: nothing is held for a
 * request under way. What a collector that is away does not take is dropped by the SDK's bounded queue, never waited for.
 */
export function createOpenTelemetry (endpoint: string): OpenTelemetry {
  const base = endpoint.replace(/\/+$/, '')
  const resource = resourceFromAttributes({ 'service.name': 'sira' })
  const tracers = new TracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${base}/v1/traces`, timeoutMillis: timeout }), scheduledDelayMillis: 1_000, maxQueueSize: 8_192 })]
  })
  const meters = new MeterProvider({
    resource,
    readers: [new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter({ url: `${base}/v1/metrics`, timeoutMillis: timeout }), exportIntervalMillis: interval, exportTimeoutMillis: timeout
    })]
  })
  const tracer = tracers.getTracer('sira')
  const meter = meters.getMeter('sira')
  const duration = meter.createHistogram(names.durationMetric, { unit: 's', advice: { explicitBucketBoundaries: durationBounds } })
  const tokens = meter.createHistogram(names.tokenMetric, { unit: '{token}', advice: { explicitBucketBoundaries: tokenBounds } })

  return {
    observe (record, traceparent) {
      const operation = operationOf(record.endpoint)
      const span = tracer.startSpan(`${operation} ${record.model}`, { kind: SpanKind.CLIENT, startTime: record.createdAt, attributes: spanAttributes(record) }, parentOf(traceparent))
      if (record.errorCode !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: record.errorCode })
      span.end(record.createdAt + record.latencyMs)
      const labels = { [names.operation]: operation, [names.requestModel]: record.model, ...(record.provider === null ? {} : { [names.provider]: record.provider }) }
      duration.record(record.latencyMs / 1000, labels)
      tokens.record(record.usage.inputTokens, { ...labels, [names.tokenType]: 'input' })
      tokens.record(record.usage.outputTokens, { ...labels, [names.tokenType]: 'output' })
    },
    async close () { await Promise.allSettled([tracers.shutdown(), meters.shutdown()]) }
  }
}

function parentOf (traceparent: string | undefined): Context {
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? '')
  if (match === null) return context.active()
  const [, traceId, spanId, flags] = match
  return trace.setSpanContext(context.active(), { traceId: traceId!, spanId: spanId!, traceFlags: Number.parseInt(flags!, 16) & TraceFlags.SAMPLED, isRemote: true })
}
