import type { FastifyBaseLogger } from 'fastify'
import type { GatewayRequest } from '../../lib/contracts/gateway.ts'
import { largeBody } from '../../lib/gateway/large-body/index.ts'
import type { ResponseObject } from '../../lib/gateway/responses/adopt-response.ts'
import { readEarlierItems } from '../../lib/gateway/responses/earlier-items.ts'
import { expandRequest } from '../../lib/gateway/responses/expand-request.ts'
import { keepResponse } from '../core/responses.ts'
import type { Dependencies } from '../dependencies.ts'
import { expandLarge, keepLarge, ownerOf } from './large-response/index.ts'

export interface Continued {
  /** With what it continues in its input, as a provider gets it. */
  readonly request: GatewayRequest
  /** Stores the answer; false = it cannot be. */
  readonly keep: (response: ResponseObject) => Promise<boolean>
}

type Body = Readonly<Record<string, unknown>> & { readonly model: string }

const nothing = { items: [], referenced: new Map<never, never>() }

/** Joins a request to what it continues; in a thread, when either is large. Throws SiraError when that is not there. */
export async function continueResponse (dependencies: Dependencies, wanted: GatewayRequest, log: FastifyBaseLogger): Promise<Continued> {
  const { pool, config: { databaseUrl } } = dependencies
  const { caller, large, signal } = wanted
  const body = wanted.body as Body
  const earlier = large === undefined ? await readEarlierItems(pool, caller, body, largeBody) : null
  if (earlier !== null) {
    const expanded = expandRequest(body, earlier)
    return {
      request: { ...wanted, body: expanded, text: JSON.stringify(expanded) },
      keep: async response => await keepResponse(dependencies, log, caller, body, earlier, response)
    }
  }
  const owner = ownerOf(caller)
  const order = { databaseUrl, body: { small: body, bulk: large?.bulk ?? [] } }
  const text = large?.text ?? null
  const keep = async (response: ResponseObject): Promise<boolean> => {
    try {
      await keepLarge({ ...order, owner, response }, text)
      return true
    } catch (error) {
      // the answer is paid for and must not be lost for want of a place to keep it
      log.warn({ err: error }, 'response not stored')
      return false
    }
  }
  if (large !== undefined && !large.refers && typeof body.previous_response_id !== 'string') return { request: { ...wanted, body: expandRequest(body, nothing) }, keep }
  const { small, bytes, ...expanded } = await expandLarge({ ...order, tenant: owner }, text, signal)
  return { request: { ...wanted, body: small, text: '', large: { ...expanded, text: { bytes }, refers: false } }, keep }
}
