import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { ExecutionContext } from 'ava'
import { createCollector, type Collector } from './realtime/_collector.ts'

export interface Message { readonly id: number, readonly event: string, readonly data: Record<string, unknown> }
/** `lastId` is what an EventSource would send as Last-Event-ID. */
export interface Following { readonly response: IncomingMessage, readonly messages: Collector<Message>, readonly ended: Promise<'complete' | 'cut'>, lastId: () => string, leave: () => void }

/** Follows server-sent events as an EventSource would, without coming back. */
export async function follow (t: ExecutionContext, url: string, key: string, headers: Record<string, string> = {}): Promise<Following> {
  const request = httpRequest(url, { headers: { authorization: `Bearer ${key}`, ...headers } })
  t.teardown(() => { request.destroy() })
  const response = await new Promise<IncomingMessage>((resolve, reject) => { request.on('response', resolve).on('error', reject).end() })
  const messages = createCollector<Message>()
  let text = ''
  let lastId = ''
  response.setEncoding('utf8').on('data', (part: string) => {
    text += part
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = new Map(text.slice(0, end).split('\n').map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]))
      text = text.slice(end + 2)
      lastId = fields.get('id') ?? lastId
      if (fields.has('event')) messages.add({ id: Number(fields.get('id')), event: fields.get('event')!, data: JSON.parse(fields.get('data')!) as Record<string, unknown> })
    }
  })
  const ended = new Promise<'complete' | 'cut'>(resolve => { response.on('close', () => { resolve(response.complete ? 'complete' : 'cut') }) })
  response.on('error', () => {}) // being cut off is told by `ended`
  return { response, messages, ended, lastId: () => lastId, leave: () => { request.destroy() } }
}
