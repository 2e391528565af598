import type { Admission } from '../contracts/allowance.ts'
import type { ChatCompletion } from '../contracts/chat.ts'
import type { GatewayRequest, StreamReply, WholeAnswer } from '../contracts/gateway.ts'
import type { Usage } from '../contracts/prices.ts'
import { mayUseModel } from '../contracts/scopes.ts'
import { costOfUsage } from '../domain/cost.ts'
import { estimateReceived, hasOutput, receive, type Received } from '../domain/estimate-tokens.ts'
import { headerObject } from '../domain/header-list.ts'
import { formatUsd } from '../domain/price.ts'
import { SiraError } from '../errors.ts'
import type { ModelConfig } from '../providers/catalog-types.ts'
import { ownFailure } from '../providers/failure-messages.ts'
import type { ProviderAnswer, StreamEvent, StreamOutcome } from '../providers/types.ts'
import { toClientError } from './client-error.ts'
import { deliver, DeliveryFailure, type DeliveryRequest, type Prepared, type Target } from './deliver.ts'
import type { Gateway } from './gateway.ts'
import { fitLarge, fitTo, type Fit } from './prepare.ts'
import { noUsage, recordUsage } from './record-usage.ts'
import type { Money } from './reserve-money.ts'
import type { StreamTranslator } from './translation.ts'

/** Not HTTP's, but what proxies log when the client closed the connection. */
const clientGone = 499

/** What a request came to. */
interface End {
  readonly target: Target
  readonly attempts: number
  readonly usage: Usage
  readonly status: number
  readonly errorCode: string | null
  readonly stream: boolean
  readonly estimated: boolean
}

/**
 * Writes `events` in the dialect of the caller, also those before one that cannot be translated: they are billed. That one is a
 * ProviderFailure `answer_invalid`, as anything else that a provider sends and nobody can read.
 */
function pushAll (translator: StreamTranslator, events: readonly StreamEvent[], write: (translated: readonly StreamEvent[]) => boolean): boolean {
  const translated: StreamEvent[] = []
  try {
    for (const { data } of events) translated.push(...translator.push(data))
  } catch (cause) {
    write(translated)
    throw ownFailure('answer_invalid', true, { cause })
  }
  return write(translated)
}

/** Output tokens of a whole answer whose provider did not tell, by its JSON text. */
function estimateAnswer (endpoint: string, json: string): number {
  return hasOutput(endpoint) ? Math.ceil(json.length / 4) : 0
}

/** One request between admission and settlement. A class, because both ways to answer share what they have to settle. */
export class Exchange {
  readonly #gateway: Gateway
  readonly #request: GatewayRequest
  readonly #admission: Admission
  readonly #money: Money
  readonly #inputTokens: number
  readonly #version: string
  #fit: Fit | null = null
  #firstAt: number | null = null
  readonly #received: Received = { events: 0, characters: 0, least: Infinity }

  constructor (gateway: Gateway, request: GatewayRequest, admission: Admission, money: Money, inputTokens: number, version: string) {
    this.#gateway = gateway
    this.#request = request
    this.#admission = admission
    this.#money = money
    this.#inputTokens = inputTokens
    this.#version = version
  }

  async whole (model: ModelConfig): Promise<WholeAnswer> {
    let delivered
    try {
      delivered = await this.#deliver(model, null)
    } catch (error) {
      throw this.#fail(error, model)
    }
    const { target, attempts } = delivered
    const answer = delivered.answer as ProviderAnswer
    const { translation } = this.#fit!
    // a provider that does not tell is billed by what came
    const known = answer.usage ?? { ...noUsage, inputTokens: this.#inputTokens, outputTokens: estimateAnswer(this.#request.endpoint, answer.body) }
    const end = { target, attempts, usage: known, status: 200, errorCode: null, stream: false, estimated: answer.usage === null }
    const body = translation === null
      ? answer.body
      : this.#translated(end, () => JSON.stringify(translation.answer(JSON.parse(answer.body) as ChatCompletion, answer.usage)))
    const cost = this.#settle(end)
    const cached = this.#gateway.cache.store(this.#request, target.model.id, [{ name: null, data: body }], false)
    const headers = this.#headers(target, attempts, cached)
    const told = cost === null ? null : formatUsd(cost)
    if (told !== null) headers.push('x-sira-cost', told)
    return { headers, cost: told, body }
  }

  async streamed (model: ModelConfig, reply: StreamReply): Promise<WholeAnswer> {
    const recording = this.#gateway.cache.record(this.#request)
    let translator: StreamTranslator | null = null
    let opened = false
    const write = (events: readonly StreamEvent[], resume: () => void, wire?: string | null): boolean => {
      recording?.add(events)
      return events.length === 0 || reply.write(events, resume, wire)
    }
    let delivered
    try {
      delivered = await this.#deliver(model, (target, events, resume, wire) => {
        for (const { data } of events) receive(this.#received, data)
        if (!opened) {
          opened = true
          this.#firstAt = performance.now()
          translator = this.#fit!.translation?.stream() ?? null
          // how often it was tried is known by now: nothing is tried again after the first event
          reply.begin(this.#headers(target, this.#attempts, recording === null ? null : 'miss'))
        }
        return translator === null ? write(events, resume, wire) : pushAll(translator, events, translated => write(translated, resume))
      })
    } catch (error) {
      throw this.#fail(error, model, reply)
    }
    const { target, attempts } = delivered
    const { usage, usageEvent } = delivered.answer as StreamOutcome
    if (!opened) reply.begin(this.#headers(target, attempts, null)) // a stream without an event
    // a provider that does not tell is billed by what came
    const known = usage ?? this.#estimate(null)
    const end = { target, attempts, usage: known, status: 200, errorCode: null, stream: true, estimated: usage === null }
    const last = this.#translated(end, () => this.#lastEvents(translator, usage, usageEvent))
    const cost = this.#settle(end)
    write(last, () => {})
    recording?.complete(target.model.id)
    return { headers: [], cost: cost === null ? null : formatUsd(cost), body: '' }
  }

  /** What `translate` gives of an answer that has been paid for; where it throws, that is settled as the failure that it is to the client. */
  #translated<Translated> (end: End, translate: () => Translated): Translated {
    try {
      return translate()
    } catch (error) {
      const told = error instanceof SiraError ? error : toClientError(ownFailure('answer_invalid', true, { cause: error }))
      this.#settle({ ...end, status: told.status, errorCode: told.code })
      throw told
    }
  }

  #lastEvents (translator: StreamTranslator | null, usage: Usage | null, usageEvent: string | null): readonly StreamEvent[] {
    const options = this.#request.body.stream_options as { include_usage?: unknown } | null | undefined
    const asked = options?.include_usage === true ? usageEvent : null
    if (translator !== null) return translator.end(usage, asked)
    return asked === null ? [] : [{ name: null, data: asked }]
  }

  #attempts = 0

  #deliver (model: ModelConfig, sink: DeliveryRequest['sink']) {
    const { catalog, providers, health, maxAnswerBytes } = this.#gateway
    const { id, caller, signal, deadline } = this.#request
    return deliver({ catalog, providers, health }, {
      id,
      model,
      allows: fallback => mayUseModel(caller.models, fallback),
      prepare: target => {
        const reserving = this.#money.reserveFor(target)
        return reserving === undefined ? this.#prepare(target) : reserving.then(() => this.#prepare(target))
      },
      signal,
      deadline,
      maxAnswerBytes,
      sink
    })
  }

  #prepare (target: Target): Prepared | Promise<Prepared> {
    const provider = this.#gateway.providers.get(target.provider.name)
    const { large } = this.#request
    if (large !== undefined) return fitLarge(target, provider, this.#request, large).then(fit => this.#use(fit))
    return this.#use(fitTo(target, provider, this.#request))
  }

  #use (fit: Fit): Prepared {
    this.#fit = fit
    this.#attempts += 1
    return fit
  }

  /** Settles a request that failed and gives the error to tell. */
  #fail (error: unknown, model: ModelConfig, reply: StreamReply | null = null): unknown {
    if (!(error instanceof DeliveryFailure)) {
      this.#admission.settle(0)
      this.#money.settle(null)
      return error
    }
    const { failure, target, attempts, begun } = error
    const told = toClientError(failure)
    const gone = failure.class.code === 'aborted'
    // what a provider began to send, or was at work on when the client left or the time was over, it bills
    const billed = begun || (failure.sent && (gone || failure.class.code === 'timeout'))
    const spent = billed ? this.#estimate(failure.partialUsage) : noUsage
    this.#settle({
      target, attempts, usage: spent, status: gone ? clientGone : told.status, errorCode: gone ? 'client_gone' : told.code, stream: reply !== null, estimated: billed
    })
    if (begun) return told
    const headers = { ...headerObject(this.#headers(target, attempts, null)), 'x-sira-model': model.id }
    return new SiraError(told.code, told.params, {
      ...(told.param === null ? {} : { param: told.param }), ...(told.retryAfter === undefined ? {} : { retryAfter: told.retryAfter }),
      ...(told.upstream === null ? {} : { upstream: told.upstream }), headers: { ...told.headers, ...headers }, cause: failure
    })
  }

  #estimate (partial: Usage | null): Usage {
    const outputTokens = Math.max(partial?.outputTokens ?? 0, estimateReceived(this.#received))
    return partial === null ? { ...noUsage, inputTokens: this.#inputTokens, outputTokens } : { ...partial, outputTokens }
  }

  #headers (target: Target, attempts: number, cache: 'miss' | 'refresh' | null): string[] {
    const headers = this.#admission.headers.slice()
    headers.push(
      'x-sira-model', target.model.id, 'x-sira-provider', target.provider.name, 'x-sira-deployment', target.deployment.id,
      'x-sira-attempts', String(attempts), 'x-sira-config-version', this.#version
    )
    const dropped = this.#fit?.dropped
    if (dropped !== undefined && dropped.length > 0) headers.push('x-sira-dropped-params', dropped.join(','))
    if (cache !== null) headers.push('x-sira-cache', cache)
    return headers
  }

  /** Writes down and settles, once. Gives the cost in pico-USD. */
  #settle ({ target, attempts, usage, status, errorCode, stream, estimated }: End): bigint | null {
    const cost = costOfUsage(usage, target.deployment.prices)
    try {
      recordUsage(this.#gateway, this.#request, {
        model: target.model.id,
        provider: target.provider.name,
        deployment: target.deployment.id,
        status,
        errorCode,
        attempts,
        usage,
        cost: cost === null ? null : cost.toString(),
        firstTokenMs: this.#firstAt === null ? null : Math.round(this.#firstAt - this.#request.startedAt),
        stream,
        cached: false,
        estimated
      })
    } finally {
      // a full disk must not keep the slot and the money for as long as the process lives
      this.#admission.settle(usage.inputTokens + usage.outputTokens)
      this.#money.settle(cost)
    }
    return cost
  }
}
