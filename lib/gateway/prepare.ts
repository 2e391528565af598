import type { ChatRequest } from '../contracts/chat.ts'
import type { GatewayRequest, LargeBody } from '../contracts/gateway.ts'
import { SiraError } from '../errors.ts'
import { forwardBody } from '../providers/forward-body.ts'
import { fitEmbeddings, fitParameters } from '../providers/parameters/index.ts'
import type { Provider } from '../providers/types.ts'
import { vendors } from '../providers/vendors.ts'
import { renderLarge } from './large-body/index.ts'
import type { Prepared, Target } from './deliver.ts'
import { withNativeHistory } from './native-history.ts'
import { translate, type Translation } from './translation.ts'

/** The request as one target gets it, what was left out, and how its answer is turned back. */
export interface Fit extends Prepared {
  readonly dropped: readonly string[]
  /** null = the target speaks the caller's dialect. */
  readonly translation: Translation | null
}

/**
 * The body in the target's words: as it came but for the model's name where that is possible, else translated and fitted to
 * what the target can do. Throws SiraError unsupported_endpoint or unsupported_parameter.
 */
export function fitTo (target: Target, provider: Provider | undefined, request: GatewayRequest): Fit {
  const { endpoint, text, body } = request
  const { kind } = target.provider
  const { upstream } = target.deployment
  const rule = request.unsupported ?? target.model.policy.unsupported
  if (provider?.endpoints.has(endpoint) === true) {
    if (endpoint !== '/v1/chat/completions') {
      const { body: sent, dropped } = endpoint === '/v1/embeddings' ? fitEmbeddings(kind, body, rule) : { body: withNativeHistory(endpoint, body), dropped: [] }
      return { endpoint, body: forwardBody(sent === body ? text : JSON.stringify(sent), sent, { model: upstream }), anthropicBeta: request.anthropicBeta, dropped, translation: null }
    }
    const fitted = fitParameters(kind, upstream, body as ChatRequest, rule)
    return chatBody(kind, fitted.changed ? null : text, fitted.body, upstream, fitted.dropped, null)
  }
  const translation = provider?.endpoints.has('/v1/chat/completions') === true ? translate(endpoint, body) : null
  if (translation === null) throw new SiraError('unsupported_endpoint', { model: target.model.id, endpoint }, { param: 'model' })
  const fitted = fitParameters(kind, upstream, translation.chat, rule)
  return chatBody(kind, null, fitted.body, upstream, fitted.dropped, translation)
}

/** As fitTo, for a body that stays off the event loop. */
export async function fitLarge (target: Target, provider: Provider | undefined, request: GatewayRequest, large: LargeBody): Promise<Fit> {
  const { endpoint, body } = request
  const { upstream } = target.deployment
  const native = provider?.endpoints.has(endpoint) === true
  // of stand-ins: only to turn the answer back
  const translation = !native && provider?.endpoints.has('/v1/chat/completions') === true ? translate(endpoint, body) : null
  if (!native && translation === null) throw new SiraError('unsupported_endpoint', { model: target.model.id, endpoint }, { param: 'model' })
  const { wire, dropped } = await renderLarge(large, {
    small: body, endpoint, native, kind: target.provider.kind, upstream, unsupported: request.unsupported ?? target.model.policy.unsupported
  }, request.signal)
  const parsed = { ...(translation === null ? body : translation.chat), model: upstream }
  return { endpoint: native ? endpoint : '/v1/chat/completions', anthropicBeta: request.anthropicBeta, body: '', parsed, wire: Buffer.from(wire.buffer, wire.byteOffset, wire.byteLength), dropped, translation }
}

/** Adapters that translate read `parsed`; those that do not send the text. */
function chatBody (
  kind: Target['provider']['kind'], text: string | null, chat: ChatRequest, upstream: string, dropped: readonly string[], translation: Translation | null
): Fit {
  const parsed = chat.model === upstream ? chat : { ...chat, model: upstream }
  const endpoint = '/v1/chat/completions'
  if (vendors[kind].dialect !== 'openai') return { endpoint, body: text ?? '', parsed, dropped, translation }
  return { endpoint, body: text === null ? JSON.stringify(parsed) : forwardBody(text, chat, { model: upstream }), parsed, dropped, translation }
}
