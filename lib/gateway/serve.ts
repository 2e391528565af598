import type { GatewayRequest, StreamReply, WholeAnswer } from '../contracts/gateway.ts'
import { mayUseModel } from '../contracts/scopes.ts'
import { boundInput, boundOutput } from '../domain/estimate-tokens.ts'
import { SiraError } from '../errors.ts'
import type { Catalog, ModelConfig } from '../providers/catalog-types.ts'
import type { StreamEvent } from '../providers/types.ts'
import { Exchange } from './exchange.ts'
import type { Gateway } from './gateway.ts'
import { noUsage, recordUsage } from './record-usage.ts'
import { createMoney } from './reserve-money.ts'

/**
 * Answers a request for a model: admits it (limits, budget), delivers it, writes down what it used before its answer ends,
 * settles. With `reply` the answer is streamed and the promise resolves when its last event has been written, with what
 * the surface still has to add; without, it resolves with the whole answer. Throws SiraError; once `reply.begin` was called
 * the error has to be told inside the stream.
 */
export async function serve (gateway: Gateway, request: GatewayRequest, reply: StreamReply | null): Promise<WholeAnswer> {
  const { caller, body } = request
  const state = gateway.state()
  const model = resolveModel(gateway.catalog, request)
  const looking = gateway.cache.find(request, reply !== null)
  const hit = looking === null ? null : await looking
  if (hit !== null) return replay(gateway, request, model, hit, reply)
  if (!gateway.journal.hasRoom()) throw new SiraError('usage_backlog', {}, { retryAfter: 1 })

  const input = request.large?.input ?? boundInput(request.text, body)
  const output = boundOutput(request.endpoint, body, model.maxOutputTokens)
  if (model.contextWindow !== null && input.expected > model.contextWindow * 3 && model.policy.contextFallbacks.length === 0) {
    // three times, because the estimate may be off (of Hindi by 2.2); what is closer the provider judges
    throw new SiraError('context_length_exceeded', { limit: model.contextWindow, model: model.id }, { param: 'messages' })
  }
  const admitted = gateway.limiting.admit(state.limitsOf(caller, model.id), input.expected + output.expected)
  const admission = admitted instanceof Promise ? await admitted : admitted
  const money = createMoney(gateway.budgets, state.budgetsOf(caller), request, input.most)
  try {
    // before a deployment is chosen, so that a request without money is refused and not tried elsewhere; most have one, or all at one price
    const reserving = money.reserveFor({ model, deployment: model.deployments[0]! })
    if (reserving !== undefined) await reserving
  } catch (error) {
    admission.settle(0)
    throw error
  }
  const exchange = new Exchange(gateway, request, admission, money, input.expected, String(state.version))
  return await (reply === null ? exchange.whole(model) : exchange.streamed(model, reply))
}

function resolveModel (catalog: Catalog, { body, caller }: GatewayRequest): ModelConfig {
  const id = body.model
  if (typeof id !== 'string') throw new SiraError('missing_parameter', { param: 'model' })
  const model = catalog.models.get(id)
  if (model === undefined) throw new SiraError('model_not_found', { model: id.slice(0, 100) }, { param: 'model' })
  if (!mayUseModel(caller.models, id)) throw new SiraError('model_not_allowed', { model: id }, { param: 'model' })
  return model
}

function replay (gateway: Gateway, request: GatewayRequest, model: ModelConfig, hit: { events: readonly StreamEvent[], ageSeconds: number }, reply: StreamReply | null): WholeAnswer {
  const headers = ['x-sira-model', model.id, 'x-sira-cache', 'hit', 'x-sira-attempts', '0', 'x-sira-cost', '0', 'age', String(hit.ageSeconds)]
  recordUsage(gateway, request, {
    model: model.id, provider: null, deployment: null, status: 200, errorCode: null, attempts: 0, usage: noUsage, cost: '0', firstTokenMs: null, stream: reply !== null, cached: true, estimated: false
  })
  if (reply === null) return { headers, cost: '0', body: hit.events[0]!.data }
  reply.begin(headers)
  reply.write(hit.events, () => {})
  return { headers: [], cost: '0', body: '' }
}
