import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface EchoUpstream {
  readonly url: string
  /** The authorization headers that came, in order; '' = none. */
  readonly authorizations: string[]
  close: () => Promise<void>
}

/**
 * A provider that speaks OpenAI's chat and, where the prompt has `[[echo:STATUS]]`, fails with the caller's credential in every part of
 * its error: as JSON, as plain text (`text`), or as an error event after the first chunk of a stream (`event`).
 */
export async function startEchoUpstream (): Promise<EchoUpstream> {
  const authorizations: string[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', piece => { text += piece as string }).on('end', () => {
      const authorization = request.headers.authorization ?? ''
      authorizations.push(authorization)
      const secret = authorization.replace('Bearer ', '')
      const error = { message: `Incorrect API key provided: ${secret} (header was ${authorization})`, type: `bad_${secret}`, param: secret, code: secret }
      const wanted = /\[\[echo:(\w+)\]\]/.exec(text)?.[1]
      const chunk = JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { role: 'assistant', content: 'Hello' }, finish_reason: null }] })
      const usage = { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 }
      if (wanted === 'event') {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${chunk}\n\n`)
        response.end(`data: ${JSON.stringify({ error })}\n\n`)
      } else if (wanted === 'text') {
        response.writeHead(500, { 'content-type': 'text/plain' }).end(error.message)
      } else if (wanted !== undefined) {
        response.writeHead(Number(wanted), { 'content-type': 'application/json', 'x-should-retry': 'false' }).end(JSON.stringify({ error }))
      } else if (/"stream":true/.test(text)) {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${chunk}\n\ndata: ${JSON.stringify({ id: 'c', choices: [], usage })}\n\ndata: [DONE]\n\n`)
      } else {
        const message = { role: 'assistant', content: 'Hello' }
        response.writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ id: 'c', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message, finish_reason: 'stop' }], usage }))
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    authorizations,
    async close () {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }
}
