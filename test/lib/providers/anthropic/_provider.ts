import type { ExecutionContext } from 'ava'
import { startSimulator } from '../../../../local/simulator/simulator.ts'
import type { Simulator } from '../../../../local/simulator/simulator.ts'
import type { ChatChunk } from '../../../../lib/contracts/chat.ts'
import { createAnthropic } from '../../../../lib/providers/anthropic/index.ts'
import type { ProviderConfig } from '../../../../lib/providers/catalog-types.ts'
import { ProviderFailure } from '../../../../lib/providers/types.ts'
import type { Endpoint, Provider, ProviderRequest, ProviderStreamRequest, StreamEvent, StreamOutcome } from '../../../../lib/providers/types.ts'

export function configAt (baseUrl: string): ProviderConfig {
  return {
    name: 'claude',
    kind: 'anthropic',
    baseUrl,
    credentials: [{ id: 'one', secret: 'sk-ant-test-0123456789abcdef' }],
    credentialUse: 'first',
    maxConcurrency: 4,
    requestsPerMinute: null,
    tokensPerMinute: null,
    apiVersion: null
  }
}

/** The adapter against a simulator that answers at once; both go when the test ends. */
export async function startProvider (t: ExecutionContext): Promise<{ readonly provider: Provider, readonly simulator: Simulator }> {
  const simulator = await startSimulator({ latency: 0, streamInterval: 0 })
  const provider = createAnthropic(configAt(`${simulator.url}/anthropic/v1`))
  t.teardown(async () => {
    await provider.close()
    await simulator.close()
  })
  return { provider, simulator }
}

let calls = 0

export function requestOf (body: Record<string, unknown>, endpoint: Endpoint = '/v1/chat/completions'): ProviderRequest {
  return {
    endpoint, body: JSON.stringify({ model: 'sim-claude', ...body }), clientRequestId: `call_${++calls}`, timeout: 5000, maxAnswerBytes: 1_000_000
  }
}

export interface Streamed {
  readonly events: readonly StreamEvent[]
  readonly outcome: StreamOutcome | null
  readonly failure: ProviderFailure | null
}

/** Runs a stream to its end, good or bad. */
export async function streamOf (provider: Provider, body: Record<string, unknown>, endpoint: Endpoint = '/v1/chat/completions', further: Partial<ProviderStreamRequest> = {}): Promise<Streamed> {
  const events: StreamEvent[] = []
  const sink = { events: (some: readonly StreamEvent[]): boolean => { events.push(...some); return true } }
  try {
    const outcome = await provider.stream({ ...requestOf({ ...body, stream: true }, endpoint), idleTimeout: 2000, sink, ...further })
    return { events, outcome, failure: null }
  } catch (error) {
    if (!(error instanceof ProviderFailure)) throw error
    return { events, outcome: null, failure: error }
  }
}

export function chunksOf (events: readonly StreamEvent[]): ChatChunk[] {
  return events.map(event => JSON.parse(event.data) as ChatChunk)
}
