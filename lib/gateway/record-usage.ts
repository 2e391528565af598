import type { GatewayRequest } from '../contracts/gateway.ts'
import type { Usage } from '../contracts/prices.ts'
import type { UsageRecord } from '../contracts/usage.ts'
import type { Gateway } from './gateway.ts'

export const noUsage: Usage = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 }

type Outcome = Omit<UsageRecord, 'id' | 'createdAt' | 'organizationId' | 'projectId' | 'keyId' | 'endpoint' | 'endUser' | 'latencyMs'>

/** Writes down what a request used and came to, and tells metrics and traces of it. Throws when the journal cannot be written. */
export function recordUsage (gateway: Gateway, request: GatewayRequest, outcome: Outcome): void {
  const { id, createdAt, caller, endpoint, body, startedAt } = request
  const label = body.safety_identifier ?? body.user ?? (body.metadata as { user_id?: unknown } | null | undefined)?.user_id
  const line: UsageRecord = {
    id,
    createdAt,
    organizationId: caller.organizationId,
    projectId: caller.projectId,
    keyId: caller.keyId,
    endpoint,
    endUser: typeof label === 'string' ? label.slice(0, 256) : null,
    latencyMs: Math.round(performance.now() - startedAt),
    model: outcome.model,
    provider: outcome.provider,
    deployment: outcome.deployment,
    status: outcome.status,
    errorCode: outcome.errorCode,
    attempts: outcome.attempts,
    usage: outcome.usage,
    cost: outcome.cost,
    firstTokenMs: outcome.firstTokenMs,
    stream: outcome.stream,
    cached: outcome.cached,
    estimated: outcome.estimated
  }
  gateway.journal.append(line)
  gateway.observe(line, request.traceparent)
}
