import type { IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Answer, AnswerContext, Answerer, JsonObject } from './answers/answer.ts'
import { endpoints } from './answers/endpoints.ts'
import { readBody } from './body.ts'
import { after, openCall } from './call.ts'
import type { Call } from './call.ts'
import { errorAnswer } from './error-answer.ts'
import type { ErrorAnswer } from './error-answer.ts'
import { drawnFault, isStatusKind, markedFault } from './faults.ts'
import type { Fault } from './faults.ts'
import { statusFaultAnswer } from './fault-status.ts'
import { drawLatency } from './latency.ts'
import { readTarget } from './gemini/target.ts'
import type { Target } from './gemini/target.ts'
import { readMarkers } from './markers.ts'
import type { Markers } from './markers.ts'
import { modelObject, models } from './models.ts'
import type { Endpoint, Model } from './models.ts'
import { digestBytes } from './random.ts'
import { resetConnection, sendError, sendHead, sendJson } from './send.ts'
import { sendAnswer, sendSpoiltAnswer } from './send-answer.ts'
import type { State } from './state.ts'

/** Any call but the control ones. */
export function handleCall (state: State, request: IncomingMessage, response: ServerResponse, path: string): void {
  const call = openCall(state, request, response, path)
  readBody(request, body => {
    if (body === null) return refuse(call, errorAnswer({ status: 413, message: 'The body is larger than 64 MiB.', code: 'payload_too_large' }))
    const target = readTarget(path)
    const answerer = endpoints.get(target.endpoint)
    if (answerer === undefined) return handleModels(call)
    if (request.method !== 'POST') return refuse(call, errorAnswer({ status: 405, message: `Not allowed to ${request.method} on ${path}.` }))
    handleGeneration(state, call, answerer, target, body)
  })
}

function handleGeneration (state: State, call: Call, answerer: Answerer, target: Target, bytes: Buffer): void {
  const digest = digestBytes(bytes)
  const body = parseObject(bytes)
  if (body === null) {
    call.log.describe(call.sequence, null, false, digest)
    return refuse(call, errorAnswer({ status: 400, message: 'We could not parse the JSON body of your request.' }))
  }
  const streaming = target.stream ?? body['stream'] === true
  const name = target.model ?? (typeof body['model'] === 'string' ? body['model'] : null)
  call.log.describe(call.sequence, name, streaming, digest)
  const model = name === null ? undefined : models.get(name)
  if (model === undefined || !model.endpoints.includes(target.endpoint as Endpoint)) return refuse(call, wrongModel(name, model, call.path))

  let markers: Markers
  try {
    markers = readMarkers(bytes, streaming)
  } catch (error) {
    return refuse(call, errorAnswer({ status: 400, message: (error as Error).message, code: 'invalid_marker' }))
  }

  if (markers.safety !== null && target.endpoint !== 'generateContent') return refuse(call, filtered(call.path, markers))

  const context: AnswerContext = {
    id: call.requestId.slice('req_sim_'.length),
    created: Math.floor(Date.now() / 1000),
    seed: state.settings.seed,
    digest,
    model,
    headers: call.request.headers,
    toolCalls: markers.toolCalls,
    safety: markers.safety,
    stream: streaming
  }
  const answer = answerer(body, context)
  if (answer.kind === 'refusal') return refuse(call, answer.error)

  const tokens = answer.usage === null ? 0 : answer.usage.promptTokens + answer.usage.completionTokens
  const admission = state.limiter.admit(performance.now(), tokens, state.inFlight)
  call.limitHeaders = admission.headers
  if (admission.error !== null) {
    call.outcome = 'limited'
    return sendError(call, admission.error)
  }

  const fault = chooseFault(state, markers, model, streaming, digest)
  if (fault === null) {
    call.usage = answer.usage
    return after(call, latencyOf(state, markers, model, digest), () => sendAnswer(call, answer, intervalOf(state, model)))
  }
  call.outcome = fault.kind
  if (fault.kind !== 'oversize' || answer.kind === 'whole') return sendFault(state, call, markers, model, fault, answer, digest)
  const whole = answerer({ ...body, stream: false }, { ...context, stream: false })
  if (whole.kind !== 'refusal') sendFault(state, call, markers, model, fault, whole, digest)
}

function sendFault (state: State, call: Call, markers: Markers, model: Model, fault: Fault, answer: Answer, digest: number): void {
  const { kind } = fault
  const atOnce = markers.delay ?? 0
  if (isStatusKind(kind)) return after(call, atOnce, () => sendError(call, statusFaultAnswer(kind, fault.retryAfter)))
  if (kind === 'reset') return after(call, atOnce, () => resetConnection(call))
  if (kind === 'hang') return after(call, atOnce + fault.ms, () => resetConnection(call))
  if (kind === 'redirect') {
    return after(call, atOnce, () => {
      sendHead(call, 307, 'text/plain', 0, ['location', '/_sim/stats'])
      call.response.end()
    })
  }
  call.usage = answer.usage
  after(call, latencyOf(state, markers, model, digest), () => sendSpoiltAnswer(call, answer, fault, intervalOf(state, model)))
}

function chooseFault (state: State, markers: Markers, model: Model, streaming: boolean, digest: number): Fault | null {
  // Counting costs memory, so only bodies that may meet a fault are counted.
  if (markers.faults.length === 0 && state.rules.length === 0) return null
  const attempt = state.attempts.next(digest)
  if (markers.faults.length > 0) return markedFault(markers.faults, attempt)
  return drawnFault(state.rules, model.id, streaming, state.settings.seed, digest, attempt)
}

function latencyOf ({ settings }: State, markers: Markers, model: Model, digest: number): number {
  return markers.delay ?? drawLatency(settings.latencies[model.id] ?? settings.latency ?? model.latency, settings.seed, digest)
}

function intervalOf ({ settings }: State, model: Model): number {
  return settings.streamInterval ?? model.streamInterval
}

function handleModels (call: Call): void {
  const { path, request } = call
  const prefix = '/v1/models/'
  if (request.method === 'GET' && path === '/v1/models') {
    call.valid = true
    return sendJson(call, JSON.stringify({ object: 'list', data: [...models.values()].map(modelObject) }))
  }
  if (request.method === 'GET' && path.startsWith(prefix)) {
    const name = path.slice(prefix.length)
    const model = models.get(name)
    if (model === undefined) return refuse(call, wrongModel(name, undefined, path))
    call.valid = true
    return sendJson(call, JSON.stringify(modelObject(model)))
  }
  refuse(call, errorAnswer({ status: 404, message: `Unknown request URL: ${request.method} ${path}.`, code: 'unknown_url' }))
}

/** As Azure refuses a prompt; the others know no such answer. */
function filtered (path: string, { safety }: Markers): ErrorAnswer {
  if (safety === 'prompt' && path.startsWith('/v1/')) {
    return errorAnswer({ status: 400, message: "The prompt triggered the provider's content management policy.", param: 'prompt', code: 'content_filter' })
  }
  return errorAnswer({ status: 400, message: `Unknown marker: safety, at ${path}`, code: 'invalid_marker' })
}

function wrongModel (name: string | null, model: Model | undefined, path: string): ErrorAnswer {
  const param = 'model'
  if (name === null) {
    return errorAnswer({ status: 400, message: "Missing required parameter: 'model'.", param, code: 'missing_required_parameter' })
  }
  const message = model === undefined ? `The model \`${name}\` does not exist.` : `The model \`${name}\` is not served at ${path}.`
  return errorAnswer({ status: 404, message, param, code: 'model_not_found' })
}

function refuse (call: Call, error: ErrorAnswer): void {
  call.outcome = 'refused'
  sendError(call, error)
}

function parseObject (bytes: Buffer): JsonObject | null {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as JsonObject : null
  } catch {
    return null
  }
}
