import OpenAI from 'openai'
import { request } from 'undici'
import type { Dispatcher } from 'undici'
import { startSimulator } from '../../../local/simulator/simulator.ts'
import type { Simulator, StartOptions } from '../../../local/simulator/simulator.ts'

/** A simulator that answers at once and is closed when the test ends. */
export async function simulatorFor (t: { teardown: (close: () => Promise<void>) => void }, options: StartOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator({ latency: 0, streamInterval: 0, ...options })
  t.teardown(simulator.close)
  return simulator
}

export function clientOf (simulator: Simulator): OpenAI {
  return new OpenAI({ baseURL: `${simulator.url}/v1`, apiKey: 'sk-test', maxRetries: 0 })
}

export type Answered = Dispatcher.ResponseData

/** POST as JSON; a body given as text goes out as it is. */
export function post (simulator: Simulator, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answered> {
  return request(simulator.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body)
  })
}

/** A chat call with one user message. */
export function chat (
  simulator: Simulator, content: string, further: Record<string, unknown> = {}, headers: Record<string, string> = {}
): Promise<Answered> {
  return post(simulator, '/v1/chat/completions', { model: 'sim-fast', messages: [{ role: 'user', content }], ...further }, headers)
}

interface ErrorBody {
  readonly error: { readonly message: string, readonly type: string, readonly param: string | null, readonly code: string | null }
}

export async function errorOf (answer: Answered): Promise<ErrorBody['error']> {
  return (await answer.body.json() as ErrorBody).error
}
