import type { UsageRecord } from '../contracts/usage.ts'

/**
 * Names of OpenTelemetry's conventions for generative AI (semantic conventions 1.37, still marked as in development). They
 * change from release to release, so they stand in this file only.
 */
export const names = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  responseModel: 'gen_ai.response.model',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  tokenType: 'gen_ai.token.type',
  errorType: 'error.type',
  durationMetric: 'gen_ai.client.operation.duration',
  tokenMetric: 'gen_ai.client.token.usage',
  firstTokenMetric: 'gen_ai.server.time_to_first_token'
} as const

const operations: Readonly<Record<string, string>> = {
  '/v1/chat/completions': 'chat',
  '/v1/messages': 'chat',
  '/v1/responses': 'chat',
  '/v1/completions': 'text_completion',
  '/v1/embeddings': 'embeddings'
}

export function operationOf (endpoint: string): string {
  return operations[endpoint] ?? endpoint.slice('/v1/'.length)
}

/** Attributes of a span: who is told nowhere, what was said is told nowhere. */
export function spanAttributes (record: UsageRecord): Readonly<Record<string, string | number | boolean>> {
  return {
    [names.operation]: operationOf(record.endpoint),
    ...(record.provider === null ? {} : { [names.provider]: record.provider }),
    [names.requestModel]: record.model,
    [names.inputTokens]: record.usage.inputTokens,
    [names.outputTokens]: record.usage.outputTokens,
    ...(record.errorCode === null ? {} : { [names.errorType]: record.errorCode }),
    'http.response.status_code': record.status,
    'sira.request.id': record.id,
    'sira.organization.id': record.organizationId,
    'sira.project.id': record.projectId,
    'sira.key.id': record.keyId,
    ...(record.deployment === null ? {} : { 'sira.deployment': record.deployment }),
    'sira.attempts': record.attempts,
    'sira.stream': record.stream,
    'sira.cached': record.cached,
    ...(record.cost === null ? {} : { 'sira.cost_pico_usd': record.cost })
  }
}

/** Bounds of the conventions' histograms: seconds, tokens. */
export const durationBounds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
export const tokenBounds = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864]
