import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Pool } from 'pg'
import { Server, type ExtendedError } from 'socket.io'
import type { Caller } from '../../lib/contracts/jobs.ts'
import { clientAddress } from '../../lib/control/address-check.ts'
import { SiraError } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import { keyOf, requireCaller, type Authenticate } from '../plugins/authentication.ts'
import { anyJobScope } from '../core/job-scopes.ts'
import type { EventFeed } from './event-feed.ts'
import { serveFeedSubscription } from './feed-subscription.ts'
import type { JobFeed } from './job-feed.ts'
import { createKeyWatch } from './key-watch.ts'
import type { ClientMessages, ServerMessages } from './socket-messages.ts'
import { serveSubscriptions, type JobSocket } from './socket-subscriptions.ts'
import { toSiraError } from './to-sira-error.ts'

export interface SocketServer {
  /** Ends every connection so that clients connect again (elsewhere), and refuses new ones. The HTTP server stays as it is. */
  close: () => Promise<void>
}

interface Options {
  readonly feed: JobFeed
  readonly eventFeed: EventFeed
  readonly authenticate: Authenticate
  /** Whose X-Forwarded-For is believed; absent = nobody's. */
  readonly isTrustedProxy?: (address: string) => boolean
  readonly pool: Pool
  readonly log: Pick<Logger, 'warn' | 'error'>
  /** Whether long polling is served beside WebSockets: its requests must all come to this process. */
  readonly polling?: boolean
}

type AskedScope = Parameters<typeof requireCaller>[1]

/** Of Socket.IO. */
export const jobSocketPath = '/socket.io/'
const MOST_CONNECTIONS = 10_000
/** Bytes of one message from a client. */
const MOST_MESSAGE_BYTES = 16_000

/** Live by Socket.IO: jobs in the namespace /jobs, the project's events in /events; the key in the handshake as `auth: {key}` or Authorization header. */
export function attachSocket (server: HttpServer, { feed, eventFeed, authenticate, isTrustedProxy = () => false, pool, log, polling = true }: Options): SocketServer {
  let closing = false
  const io = new Server<ClientMessages, ServerMessages, Record<string, never>, { caller: Caller }>(server, {
    serveClient: false,
    path: jobSocketPath,
    destroyUpgrade: false, // it would cut other sockets that are not open within a second: see other-upgrades.ts
    transports: polling ? ['polling', 'websocket'] : ['websocket'],
    maxHttpBufferSize: MOST_MESSAGE_BYTES,
    connectTimeout: 10_000, // to reach the namespace, after which a connection without a valid key is closed
    allowRequest: (_request, decide) => { decide(closing ? 'draining' : null, !closing && io.engine.clientsCount < MOST_CONNECTIONS) }
  })
  io.use((_socket, next) => { next(refusal(new SiraError('invalid_request', { reason: 'Connect to the namespace /jobs or /events.' }))) })

  const keys = createKeyWatch(pool, log)
  open('/jobs', anyJobScope, socket => serveSubscriptions(socket, { feed, pool, log }))
  open('/events', 'webhooks', socket => {
    serveFeedSubscription(socket, { feed: eventFeed, pool, log })
    return null
  })

  /** What `serve` returns throws when the caller, of whom something may have changed, may not follow what it follows any more. */
  function open (name: string, scope: AskedScope, serve: (socket: JobSocket) => ((caller: Caller) => void) | null): void {
    const namespace = io.of(name)
    namespace.use((socket, next) => {
      identify(socket, scope, { authenticate, isTrustedProxy }).then(caller => {
        socket.data.caller = caller
        next()
      }, (error: unknown) => {
        if (!(error instanceof SiraError)) log.error({ err: error }, 'socket not authenticated')
        next(refusal(toSiraError(error)))
      })
    })
    namespace.on('connection', socket => {
      // the handshake's request is of no more use and most of an idle connection's memory
      delete (socket.conn as { request?: IncomingMessage }).request
      const address = addressOf(socket, isTrustedProxy)
      const check = serve(socket)
      const unwatch = keys.watch(keyGiven(socket)!, caller => {
        socket.data.caller = requireCaller(caller, scope, address)
        check?.(socket.data.caller)
      }, ({ code, message }) => {
        socket.emit('error', { code, message })
        socket.disconnect(true)
      })
      socket.on('disconnect', unwatch)
    })
  }

  return {
    async close () {
      closing = true
      // closes the transport without Socket.IO's own goodbye: to that clients answer by staying away
      io.engine.close()
      await keys.close()
    }
  }
}

async function identify (socket: JobSocket, scope: AskedScope, { authenticate, isTrustedProxy }: Pick<Required<Options>, 'authenticate' | 'isTrustedProxy'>): Promise<Caller> {
  const key = keyGiven(socket)
  return requireCaller(key === null ? null : await authenticate(key), scope, addressOf(socket, isTrustedProxy))
}

function keyGiven ({ handshake }: JobSocket): string | null {
  const given: unknown = handshake.auth.key
  return typeof given === 'string' ? given : keyOf(handshake.headers)
}

function addressOf ({ handshake }: JobSocket, isTrustedProxy: (address: string) => boolean): string {
  return clientAddress(handshake.address, String(handshake.headers['x-forwarded-for'] ?? ''), isTrustedProxy)
}

/** What a client meets as `connect_error`, with the code in `data`. */
function refusal (error: SiraError): ExtendedError {
  return Object.assign(new Error(error.message), { data: { code: error.code } })
}
