import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Caller } from '../../lib/contracts/jobs.ts'
import { hasScope, type Scope } from '../../lib/contracts/scopes.ts'
import { createAddressCheck } from '../../lib/control/address-check.ts'
import { SiraError } from '../../lib/errors.ts'
import type { Queryable } from '../../lib/store/database.ts'
import { findCaller } from '../../lib/store/keys.ts'

declare module 'fastify' {
  interface FastifyRequest { caller: Caller }
}

/** The caller behind a key text, at once where it is known; null = no such key. */
export type Authenticate = (key: string) => Caller | null | Promise<Caller | null>

/** Looks every key up in the database, where there is no control plane. */
export function createAuthenticate (database: Queryable): Authenticate {
  return async key => await findCaller(database, key)
}

export function bearerKey (authorization: string | undefined): string | null {
  return /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1] ?? null
}

/** The key of a request: a bearer token, or x-api-key as Anthropic's SDK sends it. */
export function keyOf ({ authorization, 'x-api-key': key }: IncomingHttpHeaders): string | null {
  return bearerKey(authorization) ?? (typeof key === 'string' ? key : null)
}

/** Every route of this scope needs a key; routes find the caller at `request.caller`. */
export function requireKey (app: FastifyInstance, authenticate: Authenticate): void {
  app.decorateRequest('caller', null as unknown as Caller)
  app.addHook('onRequest', (request, _reply, done) => {
    try {
      const key = keyOf(request.headers)
      const found = key === null ? null : authenticate(key)
      if (found instanceof Promise) {
        found.then(caller => { admit(request, caller) }).then(() => { done() }, done)
        return
      }
      admit(request, found)
    } catch (error) {
      done(error as Error)
      return
    }
    done()
  })
}

function admit (request: FastifyRequest, caller: Caller | null): void {
  if (caller === null) throw new SiraError('invalid_api_key')
  if (caller.allowedIps != null) checkAddress(caller, request.ip)
  request.caller = caller
}

/** Throws SiraError `insufficient_scope` unless the caller's key has the scope. */
export function requireScope ({ caller }: Pick<FastifyRequest, 'caller'>, scope: Scope): void {
  if (!hasScope(caller.scopes, scope)) throw new SiraError('insufficient_scope', { scope })
}

/** For what is no route: the caller, if its key may be used from the address and has the scope, which may depend on what it has. Throws SiraError `invalid_api_key`, `address_not_allowed` or `insufficient_scope`. */
export function requireCaller (caller: Caller | null, scope: Scope | ((caller: Caller) => Scope), address: string): Caller {
  if (caller === null) throw new SiraError('invalid_api_key')
  checkAddress(caller, address)
  requireScope({ caller }, typeof scope === 'function' ? scope(caller) : scope)
  return caller
}

/** Every route registered in `app` needs the scope. */
export function requireScopeOf (app: FastifyInstance, scope: Scope): void {
  app.addHook('onRequest', (request, _reply, done) => {
    requireScope(request, scope)
    done()
  })
}

const checks = new WeakMap<readonly string[], (address: string) => boolean>()

/** Throws SiraError `address_not_allowed` unless the key may be used from the address. */
function checkAddress ({ allowedIps }: Caller, address: string): void {
  if (allowedIps == null) return
  let isAllowed = checks.get(allowedIps)
  if (isAllowed === undefined) checks.set(allowedIps, isAllowed = createAddressCheck(allowedIps))
  if (!isAllowed(address)) throw new SiraError('address_not_allowed', { address })
}
