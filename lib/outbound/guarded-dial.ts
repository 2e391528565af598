import { connect as connectTcp, isIP } from 'node:net'
import type { LookupFunction, Socket } from 'node:net'
import { connect as connectTls, createSecureContext } from 'node:tls'
import type { SecureContext } from 'node:tls'
import { blockedFault, stepFault } from './connect-fault.ts'
import type { ConnectFault } from './connect-fault.ts'
import { isLocalhost } from './name-lookup.ts'
import type { NameLookup } from './name-lookup.ts'
import { createAddressJudge } from './outbound-policy.ts'
import type { AddressJudge, OutboundPolicy } from './outbound-policy.ts'

/** What one connection's opening took, in ms; null where a step was not needed or not reached. */
export interface Dial {
  dns: number | null
  connect: number | null
  tls: number | null
  /** That is, or was to be, connected to; null = none was dialled. */
  address: string | null
  /** Whether a request has gone over the connection. */
  served: boolean
}

interface Target { readonly hostname: string, readonly port: number, readonly secure: boolean }

/** Called once. Not a promise: whoever takes the socket must listen to it before its next event. */
export type Dialled = (...outcome: [error: ConnectFault, socket: null] | [error: null, socket: Socket]) => void
/** Hands over a socket ready for HTTP/1.1, or what was in the way, and writes into `dial` how far it has come. */
export type Dialler = (target: Target, dial: Dial, done: Dialled) => void

/** Addresses of one name that are tried. */
const mostAddresses = 4
/** ms until the next of them is tried beside: Node's default of 250 is shorter than a round trip across the world. */
const nextAddressAfter = 1_000

interface Options { readonly connectTimeout: number, readonly lookup: NameLookup }

/**
 * Dials what the policy allows and nothing else. The name is resolved here, once: all its answers are judged, then one of these very
 * addresses is dialled, so no second answer can take their place; and the address the socket says it reached is judged again.
 */
export function createDialler (policy: OutboundPolicy, { connectTimeout, lookup }: Options): Dialler {
  const judge = createAddressJudge(policy)
  let secureContext: SecureContext | undefined

  const chooseAddresses = async (target: Target, dial: Dial): Promise<readonly string[]> => {
    if (!(target.secure || policy.allowHttp) || !(policy.ports === 'any' || policy.ports.includes(target.port))) throw blockedFault()
    const addresses = await resolve(target.hostname, lookup, connectTimeout, dial)
    // any: an attacker who mixes a public address with a private one must not have a chance by chance
    if (addresses.some(address => judge(address) !== null)) throw blockedFault()
    return addresses.slice(0, mostAddresses)
  }
  return (target, dial, done) => {
    const end = performance.now() + connectTimeout
    chooseAddresses(target, dial).then(addresses => {
      if (target.secure) secureContext ??= createSecureContext()
      open({ target, addresses, secureContext, timeout: Math.max(1, end - performance.now()), judge, dial, done })
    }, (error: ConnectFault) => { done(error, null) })
  }
}

async function resolve (hostname: string, lookup: NameLookup, timeout: number, dial: Dial): Promise<readonly string[]> {
  if (isIP(hostname) !== 0) return [hostname]
  if (isLocalhost(hostname)) return ['127.0.0.1']
  const start = performance.now()
  let timer: NodeJS.Timeout | undefined
  const expiry = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => { reject(stepFault('dns', undefined)) }, timeout) })
  try {
    const addresses = await Promise.race([expiry, lookup(hostname).catch(error => { throw stepFault('dns', error) })])
    if (addresses.length === 0) throw stepFault('dns', new Error('The name has no address'))
    return addresses
  } finally {
    clearTimeout(timer)
    dial.dns = performance.now() - start
  }
}

interface Opening {
  readonly target: Target
  readonly addresses: readonly string[]
  readonly secureContext: SecureContext | undefined
  readonly timeout: number
  readonly judge: AddressJudge
  readonly dial: Dial
  readonly done: Dialled
}

function open ({ target, addresses, secureContext, timeout, judge, dial, done }: Opening): void {
  const { hostname, port, secure } = target
  const tcp = { host: hostname, port, lookup: answerWith(addresses), autoSelectFamily: addresses.length > 1, autoSelectFamilyAttemptTimeout: nextAddressAfter, noDelay: true }
  // the certificate is checked against the name, which is also what the server is told; for an address without a name that is the address
  const servername = isIP(hostname) === 0 ? { servername: hostname } : {}
  let start = performance.now()
  let step: 'connect' | 'tls' = 'connect'
  let over = false
  dial.address = addresses[0] ?? null
  const socket = secure ? connectTls({ ...tcp, ...servername, secureContext, rejectUnauthorized: true, ALPNProtocols: ['http/1.1'] }) : connectTcp(tcp)
  const timer = setTimeout(() => { fail(stepFault(step, undefined)) }, timeout)

  const fail = (error: ConnectFault): void => {
    clearTimeout(timer)
    // the listener of errors stays: more of them may follow
    socket.off('connect', connected).off('secureConnect', secured).off('close', closed)
    socket.destroy()
    if (!over) done(error, null)
    over = true
  }
  const failed = (error: Error): void => { fail(stepFault(step, error)) }
  const ready = (): void => {
    clearTimeout(timer)
    socket.off('error', failed).off('close', closed)
    over = true
    done(null, socket)
  }
  const closed = (): void => { fail(stepFault(step, new Error('closed'))) }
  const connected = (): void => {
    dial.connect = performance.now() - start
    dial.address = socket.remoteAddress ?? null
    if (dial.address === null || judge(dial.address) !== null) {
      dial.address = null
      fail(blockedFault())
    } else if (secure) {
      step = 'tls'
      start = performance.now()
    } else ready()
  }
  const secured = (): void => {
    dial.tls = performance.now() - start
    ready()
  }
  socket.on('error', failed).on('close', closed).once('connect', connected)
  if (secure) socket.once('secureConnect', secured)
}

/** In place of a lookup: Node dials these, by turns when the first does not answer. */
function answerWith (addresses: readonly string[]): LookupFunction {
  const entries = addresses.map(address => ({ address, family: isIP(address) }))
  return (_hostname, options, callback) => {
    if (options.all === true) callback(null, entries)
    else callback(null, entries[0]!.address, entries[0]!.family)
  }
}
