import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ExecutionContext } from 'ava'
import OpenAI from 'openai'
import type { StreamEvent } from '../../../lib/providers/types.ts'

/** OpenAI's SDK against a server that answers every request with these events. */
export async function replaying (t: ExecutionContext, events: readonly StreamEvent[], end = ''): Promise<OpenAI> {
  const body = events.map(({ name, data }) => `${name === null ? '' : `event: ${name}\n`}data: ${data}\n\n`).join('') + end
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(body)
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.close() })
  return new OpenAI({ apiKey: 'none', baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, maxRetries: 0 })
}
