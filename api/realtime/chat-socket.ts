import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifySchema } from 'fastify'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Caller } from '../../lib/contracts/jobs.ts'
import { clientAddress } from '../../lib/control/address-check.ts'
import { ChatBody } from '../../lib/dialects/chat-schema.ts'
import { checkMessages } from '../../lib/dialects/check-messages.ts'
import { isDeeperThan, maxBodyDepth } from '../../lib/domain/batch-line.ts'
import { headerObject } from '../../lib/domain/header-list.ts'
import { SiraError } from '../../lib/errors.ts'
import { largeBody } from '../../lib/gateway/large-body/index.ts'
import { claimRoom, type HeldBody } from '../../lib/gateway/large-body/room.ts'
import { untold } from '../../lib/gateway/large-body/told.ts'
import { serve } from '../../lib/gateway/serve.ts'
import { newId } from '../../lib/ids.ts'
import { readRequest } from '../gateway/read-request.ts'
import { keyOf, requireCaller } from '../plugins/authentication.ts'
import { errorBody } from '../plugins/errors.ts'
import { compileValidator } from '../plugins/validation.ts'
import { parseClientMessage, type ClientMessage, type ServerMessage } from './chat-messages.ts'
import { createKeyWatch } from './key-watch.ts'
import { readLargeMessage } from './large-message.ts'
import { toSiraError } from './to-sira-error.ts'

const chatSocketPath = '/api/v1/chat/stream'
/** Requests under way on one socket. */
const mostRequests = 64
const mostSockets = 5_000
/** ms between signs of life; a client that answers none in between is gone. */
const heartbeat = 30_000
/** Bytes waiting to be sent from which on providers are asked to pause. */
const highWater = 256 * 1024
/** Bytes waiting to be sent above which no further message is taken. Every request may have one write over the mark above. */
const mostWaiting = 64 * 1024 * 1024
/**
 * Bytes of one message. A frame is unmasked and joined on the event loop, which takes 10 ms for these and 100 ms for 25 MB: what is
 * larger goes over HTTP. A larger message closes the socket with 1009, as RFC 6455 has it.
 */
const mostMessage = 4 * 1024 * 1024
/** Policy violation (RFC 6455): the key has ended. Going away: this process has. */
const keyEnded = 1008
const goingAway = 1001

/** Who opened a socket. `check` throws SiraError when the key may not, or not from there. */
interface Entry { readonly key: string, readonly caller: Caller, readonly check: (caller: Caller | null) => Caller }

interface Client {
  readonly socket: WebSocket
  /** What the socket writes to. */
  readonly connection: Duplex
  /** As of the last check of its key: its models and limits may change while the socket is open. */
  caller: Caller
  /** Requests under way, by the client's ids. */
  readonly running: Map<string, AbortController>
}

export function isForChatSocket (url: string): boolean {
  return url.split('?')[0] === chatSocketPath
}

/**
 * Chat streams over a WebSocket: one socket, many requests by id, each cancelled for itself. The key comes in the
 * Authorization or x-api-key header, or from a browser, which cannot send headers, as the subprotocol `sira.key.<key>`
 * beside `sira.chat`. `isTrustedProxy`: whose X-Forwarded-For is believed.
 */
export function attachChatSocket (app: FastifyInstance, isTrustedProxy: (address: string) => boolean): { close: () => Promise<void> } {
  const { dependencies, authenticate } = app
  const { log, pool, config } = dependencies
  const server = new WebSocketServer({ noServer: true, maxPayload: Math.min(config.api.bodyLimit, mostMessage), perMessageDeflate: false, handleProtocols: offered => offered.has('sira.chat') ? 'sira.chat' : false })
  const keys = createKeyWatch(pool, log)
  const validate = compileValidator({ schema: ChatBody as FastifySchema, httpPart: 'body', method: 'POST', url: chatSocketPath })
  let closing = false
  const alive = new WeakSet<WebSocket>()
  const pulse = setInterval(() => {
    for (const socket of server.clients) {
      if (!alive.delete(socket)) socket.terminate()
      else socket.ping()
    }
  }, heartbeat)

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (!isForChatSocket(request.url!)) return
    socket.on('error', () => { socket.destroy() })
    admit(request).then(entry => {
      server.handleUpgrade(request, socket, head, connected => { open(connected, socket, entry) })
    }, (error: unknown) => {
      const refusal = toSiraError(error)
      if (refusal.status >= 500) log.error({ err: error }, 'socket not authenticated')
      const body = JSON.stringify(errorBody(refusal, 'native', newId('request')))
      socket.end(`HTTP/1.1 ${refusal.status} Refused\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`)
    })
  }
  app.server.on('upgrade', onUpgrade)

  async function admit ({ headers, socket }: IncomingMessage): Promise<Entry> {
    if (closing) throw new SiraError('draining')
    if (server.clients.size >= mostSockets) throw new SiraError('unavailable', { dependency: 'A free socket' })
    const offered = String(headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim())
    const key = keyOf(headers) ?? offered.find(name => name.startsWith('sira.key.'))?.slice('sira.key.'.length) ?? null
    if (key === null) throw new SiraError('invalid_api_key')
    const address = clientAddress(socket.remoteAddress ?? '', String(headers['x-forwarded-for'] ?? ''), isTrustedProxy)
    const check = (caller: Caller | null): Caller => requireCaller(caller, 'inference', address)
    return { key, check, caller: check(await authenticate(key)) }
  }

  function open (socket: WebSocket, connection: Duplex, { key, check: checkCaller, caller }: Entry): void {
    const running = new Map<string, AbortController>()
    const client: Client = { socket, connection, caller, running }
    const closed = new AbortController()
    /** While a large message is read: what comes behind it waits, so that a cancel comes after its request. */
    let reading: Promise<void> | null = null
    const stopAll = (): void => { for (const controller of running.values()) controller.abort() }
    alive.add(socket)
    const unwatch = keys.watch(key, now => { client.caller = checkCaller(now) }, () => {
      socket.close(keyEnded, 'the key has ended')
      stopAll()
    })
    socket.on('pong', () => { alive.add(socket) })
    socket.on('error', () => { socket.terminate() })
    socket.on('close', () => {
      unwatch()
      closed.abort()
      stopAll()
    })

    /** Never throws or rejects. A promise = a large message is being read. */
    const take = (data: Buffer, isBinary: boolean): Promise<void> | undefined => {
      if (closed.signal.aborted) return
      let id: string | undefined
      try {
        if (isBinary) throw new SiraError('invalid_json', { reason: 'a text message is needed.' })
        if (data.length > largeBody) return takeLarge(data)
        const message = parseClientMessage(String(data))
        id = message.id
        if (message.type === 'cancel') {
          running.get(id)?.abort()
        } else {
          check(message.body)
          run(client, message)
        }
      } catch (error) {
        send(socket, refusalOf(error, id))
      }
    }
    const takeLarge = async (data: Buffer): Promise<void> => {
      const room = claimRoom()
      let id: string | undefined
      let passedOn = false
      try {
        room.take(data.length)
        const read = await readLargeMessage(data, closed.signal)
        if (closed.signal.aborted) return
        id = read.message.id
        if (!('large' in read)) {
          running.get(id)?.abort()
          return
        }
        const { small, bytes, ...known } = untold(read.large)
        run(client, { ...read.message, body: small }, { ...known, text: { bytes }, room })
        passedOn = true
      } catch (error) {
        send(socket, refusalOf(error, id))
      } finally {
        if (!passedOn) room.release()
      }
    }
    socket.on('message', (data, isBinary) => {
      // after a close of ours a client may go on sending until it answers
      if (socket.readyState !== socket.OPEN) return
      // what is answered at once, refusals above all, waits for no reader: who asks on and reads nothing is cut off
      if (socket.bufferedAmount > mostWaiting) {
        socket.terminate()
        return
      }
      const taking = reading === null ? take(data as Buffer, isBinary) : reading.then(() => take(data as Buffer, isBinary))
      if (taking === undefined) return
      socket.pause()
      const current = taking.then(() => {
        if (reading !== current) return
        reading = null
        socket.resume()
      })
      reading = current
    })
  }

  /** Throws SiraError. */
  function check (body: (ClientMessage & { type: 'request' })['body']): void {
    if (isDeeperThan(body, maxBodyDepth + 4)) throw new SiraError('invalid_json', { reason: 'it is nested too deep.' })
    if (!validate(body)) {
      const fault = (validate as { errors?: Array<{ instancePath?: string, message?: string }> }).errors?.[0]
      const param = fault?.instancePath?.slice(1).replaceAll('/', '.') || 'body'
      throw new SiraError('invalid_parameter', { param, reason: `it ${fault?.message ?? 'is not valid'}.` }, { param })
    }
    checkMessages(body.messages as readonly unknown[])
  }

  /** `large`: of a body that is only stood in for in the message. */
  function run (client: Client, message: ClientMessage & { type: 'request' }, large: HeldBody | null = null): void {
    const { socket, running } = client
    const { id } = message
    if (running.has(id)) throw new SiraError('invalid_parameter', { param: 'id', reason: 'a request with this id is under way.' }, { param: 'id' })
    if (running.size >= mostRequests) throw new SiraError('concurrency_limit_exceeded', { kind: 'socket', limit: mostRequests })
    const controller = new AbortController()
    running.set(id, controller)
    answer(client, message, large, controller.signal)
      .catch((error: unknown) => {
        if (controller.signal.aborted) send(socket, { type: 'cancelled', id })
        else send(socket, refusalOf(error, id))
      })
      .finally(() => {
        running.delete(id)
        large?.room.release()
      })
  }

  async function answer ({ socket, connection, caller }: Client, { id, body, headers }: ClientMessage & { type: 'request' }, large: HeldBody | null, signal: AbortSignal): Promise<void> {
    const requestId = newId('request')
    const request = readRequest({ id: requestId, caller, body, bodyText: large === null ? JSON.stringify(body) : '', largeBody: large, headers }, '/v1/chat/completions', dependencies.gateway.state(), signal)
    const { cost } = await serve(dependencies.gateway, request, {
      begin: begun => { send(socket, { type: 'begin', id, request_id: requestId, headers: headerObject(begun) }) },
      write: (events, resume) => {
        // the event's text goes on as it is: parsing it only to write it again would cost as much as all the rest
        const messages = events.map(({ data }) => `{"type":"event","id":${JSON.stringify(id)},"data":${data}}`)
        connection.cork() // one write for all that came together
        messages.forEach((text, place) => { socket.send(text, place === messages.length - 1 ? () => { if (paused) resume() } : undefined) })
        connection.uncork()
        const paused = socket.bufferedAmount > highWater
        return !paused
      }
    })
    send(socket, { type: 'done', id, cost })
  }

  function refusalOf (error: unknown, id: string | undefined): ServerMessage {
    const told = toSiraError(error)
    if (told.code === 'internal_error') log.error({ err: error }, 'socket request failed')
    return { type: 'error', ...(id === undefined ? {} : { id }), error: (errorBody(told, 'openai', '') as { error: object }).error }
  }

  return {
    async close () {
      clearInterval(pulse)
      closing = true
      for (const socket of server.clients) socket.close(goingAway, 'shutting down')
      server.close()
      await keys.close()
    }
  }
}

function send (socket: WebSocket, message: ServerMessage): void {
  if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message))
}
