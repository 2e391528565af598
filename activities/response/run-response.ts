import { setTimeout as sleep } from 'node:timers/promises'
import { ApplicationFailure, Context } from '@temporalio/activity'
import type { Pool } from 'pg'
import { SiraError } from '../../lib/errors.ts'
import { adoptEvent, type EndedResponse } from '../../lib/gateway/responses/adopt-response.ts'
import { readEarlierItems } from '../../lib/gateway/responses/earlier-items.ts'
import { expandRequest } from '../../lib/gateway/responses/expand-request.ts'
import type { Gateway } from '../../lib/gateway/gateway.ts'
import { serve } from '../../lib/gateway/serve.ts'
import { newId } from '../../lib/ids.ts'
import { appendResponseEvents, finishResponse, isUnfinished, readAllowedModels, readResponseById, type ResponseRecord, type StoredEvent } from '../../lib/store/responses.ts'
import { throughOutage } from '../../lib/store/retry-outage.ts'
import { withHeartbeat } from '../heartbeat.ts'
import { failedResponse } from './failed-response.ts'

export interface ResponseDependencies {
  readonly pool: Pool
  readonly gateway: Gateway
}

interface Ended { readonly response: EndedResponse, readonly event: StoredEvent }

/** ms between writes of what came, and so also until a cancel is seen. */
const writeEvery = 100
/** ms that an answer may take to begin. */
const patience = 30 * 60_000
/** Waiting helps: the workflow tries again. */
const passing: ReadonlySet<string> = new Set(['rate_limit_exceeded', 'concurrency_limit_exceeded', 'budget_reserved', 'upstream_rate_limited', 'upstream_overloaded', 'unavailable', 'usage_backlog', 'internal_error'])

/**
 * Makes the call of a background response and writes down its events as they come and its result at the end. Done again after
 * a crash, it calls again, and its events go on in number with a new `response.created`: what was sent before is void.
 */
export function createRunResponse ({ pool, gateway }: ResponseDependencies) {
  return async function runResponse ({ responseId }: { responseId: string }): Promise<void> {
    await withHeartbeat(async () => {
      const record = await throughOutage(async () => await readResponseById(pool, responseId))
      if (record === null || record.body !== null || record.status === 'cancelled') return
      await run(record)
    })
  }

  async function run (record: ResponseRecord): Promise<void> {
    const { id, organizationId, projectId, keyId } = record
    const body = JSON.parse(record.request) as Record<string, unknown>
    const stop = new AbortController()
    const cancelled = (): void => { stop.abort() }
    Context.current().cancellationSignal.addEventListener('abort', cancelled, { once: true })
    let number = record.lastEvent
    let waiting: StoredEvent[] = []
    let ended: Ended | null = null
    let gone = false
    let begun = false
    const write = async (): Promise<void> => {
      const events = waiting
      waiting = []
      // a call that says nothing for minutes is only looked at: its row is not written ten times a second
      const lives = events.length === 0 && begun ? isUnfinished : appendResponseEvents
      gone = !await throughOutage(async () => await lives(pool, id, events))
      begun = true
      if (gone) stop.abort() // cancelled or deleted: nobody waits for the rest
    }
    const writing = (async () => {
      // eslint-disable-next-line no-unmodified-loop-condition -- the stream ends it
      while (!stop.signal.aborted && ended === null) {
        await write()
        await sleep(writeEvery)
      }
    })()
    writing.catch(() => { stop.abort() }) // awaited below
    try {
      const earlier = await readEarlierItems(pool, record, body)
      const expanded = { ...expandRequest(body, earlier), stream: true }
      const now = performance.now()
      await serve(gateway, {
        id: newId('request'),
        caller: { organizationId, projectId, keyId, scopes: [], models: await readAllowedModels(pool, record) },
        endpoint: '/v1/responses',
        text: JSON.stringify(expanded),
        body: expanded,
        createdAt: Date.now(),
        startedAt: now,
        deadline: now + patience,
        signal: stop.signal,
        cache: { mode: 'off', ttlSeconds: null },
        traceparent: undefined,
        unsupported: null
      }, {
        begin () {},
        write (events) {
          for (const arrived of events) {
            const { event, response } = adoptEvent(arrived, { id, previousResponseId: record.previousResponseId, store: true, background: true })
            number += 1
            const stored = { sequenceNumber: number, data: JSON.stringify({ ...JSON.parse(event.data) as object, sequence_number: number }) }
            if (response === null) waiting.push(stored)
            else ended = { response, event: stored }
          }
          return true // what waits is bounded by the size of an answer
        }
      })
      if (ended === null) throw new SiraError('upstream_error', { reason: 'its answer has no end.' })
    } catch (error) {
      stop.abort()
      await writing
      if (gone) return
      if (Context.current().cancellationSignal.aborted) throw error
      if (!(error instanceof SiraError)) throw error
      if (passing.has(error.code)) throw ApplicationFailure.create({ message: error.message, type: error.code, ...(error.retryAfter === undefined ? {} : { nextRetryDelay: error.retryAfter * 1000 }) })
      await write()
      const end = failedResponse(record, number + 1, error)
      await throughOutage(async () => { await finishResponse(pool, id, end) })
      return
    } finally {
      Context.current().cancellationSignal.removeEventListener('abort', cancelled)
    }
    await writing
    await write()
    const { response, event } = ended as Ended
    await throughOutage(async () => { await finishResponse(pool, id, { status: response.status, response, event }) })
  }
}
