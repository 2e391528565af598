import type { CallOwner, Limiter } from '../contracts/limiter.ts'
import { joinSignal, leaveSignal } from './abort-groups.ts'
import type { Catalog } from './catalog-types.ts'
import { setShare } from './limiter-rate.ts'
import { followRates, rateDelay, setHeld, Waiter } from './limiter-state.ts'
import type { BatchState, ProviderState } from './limiter-state.ts'
import { createBatchTurn, createTurns, dequeue, enqueue, peek, take } from './limiter-turns.ts'
import type { SlotSource } from './slot-source.ts'

/** ms that a wait for the rate lasts at most before the rate is looked up again: it may have been raised meanwhile. */
const LOOK_AGAIN = 250

/**
 * The limiter of one process over the slots it is given. Every step is O(1) in the number of waiting calls. Rates are those that
 * the catalog says now; those of a provider that left it stay, so that what waits for it is let go.
 */
export function createLimiter ({ catalog, slots }: { catalog: Catalog, slots: SlotSource }): Limiter {
  const states = new Map<string, ProviderState>()
  /** Made when first asked for: providers come while the process runs. */
  const stateOf = (name: string): ProviderState | undefined => {
    const known = states.get(name)
    const config = catalog.providers.get(name)
    if (known !== undefined || config === undefined) return known
    const state: ProviderState = {
      name, turns: createTurns(), config: null, requests: null, tokens: null, inFlight: 0, slots: 0, share: 0, peak: 0, timer: null
    }
    followRates(state, config)
    states.set(name, state)
    return state
  }
  for (const name of catalog.providers.keys()) stateOf(name)
  const batches = new Map<string, BatchState>()
  let closed = false

  function pump (state: ProviderState): void {
    const { turns } = state
    state.peak = Math.max(state.peak, state.inFlight + turns.eligible)
    const config = catalog.providers.get(state.name)
    if (config !== undefined && followRates(state, config)) stopWaiting(state)
    if (state.timer !== null) return
    while (state.inFlight < state.slots) {
      const waiter = peek(turns)
      if (waiter === null) return
      const delay = rateDelay(state, waiter.tokens)
      if (delay > 0) {
        state.timer = setTimeout(rateElapsed, Math.min(Math.ceil(delay), LOOK_AGAIN), state)
        return
      }
      start(waiter)
    }
    if (turns.eligible > 0) slots.wake(state.name)
  }

  function rateElapsed (state: ProviderState): void {
    state.timer = null
    pump(state)
  }

  function start (waiter: Waiter): void {
    const { state, owner, signal } = waiter
    take(state.turns, waiter)
    owner.waiting -= 1
    leaveSignal(signal, waiter)
    state.inFlight += 1
    owner.inFlight += 1
    setHeld(owner)
    let released = false
    waiter.resolve(() => {
      if (released) throw new Error('A call was released twice')
      released = true
      state.inFlight -= 1
      owner.inFlight -= 1
      if (setHeld(owner)) for (const other of owner.turns.keys()) if (other !== state) pump(other)
      forget(owner)
      pump(state)
    })
  }

  function leave (waiter: Waiter): void {
    dequeue(waiter.state.turns, waiter)
    waiter.owner.waiting -= 1
    forget(waiter.owner)
    // the next in turn may cost less than the one that left. Not in this tick: the next may be about to leave too
    if (waiter.state.timer !== null) {
      clearTimeout(waiter.state.timer)
      waiter.state.timer = setTimeout(rateElapsed, 0, waiter.state)
    }
  }

  function stopWaiting (state: ProviderState): void {
    if (state.timer !== null) clearTimeout(state.timer)
    state.timer = null
  }

  function forget (batch: BatchState): void {
    if (batch.inFlight === 0 && batch.waiting === 0) batches.delete(batch.id)
  }

  function batchOf (owner: CallOwner): BatchState {
    let batch = batches.get(owner.batchId)
    if (batch === undefined) {
      batch = { id: owner.batchId, concurrency: owner.concurrency, inFlight: 0, waiting: 0, held: false, turns: new Map() }
      batches.set(batch.id, batch)
    } else if (batch.concurrency !== owner.concurrency) {
      batch.concurrency = owner.concurrency
      if (setHeld(batch)) for (const state of batch.turns.keys()) pump(state)
    }
    return batch
  }

  slots.start({
    demand (provider) {
      const state = states.get(provider)!
      const wanted = Math.max(state.peak, state.inFlight + state.turns.eligible)
      state.peak = state.inFlight + state.turns.eligible
      return { inFlight: state.inFlight, wanted }
    },
    granted (provider, count, share) {
      const state = states.get(provider)!
      state.slots = count
      state.share = share
      if (state.requests !== null) setShare(state.requests, share, performance.now())
      if (state.tokens !== null) setShare(state.tokens, share, performance.now())
      stopWaiting(state)
      pump(state)
    }
  })

  return {
    acquire (provider, owner, tokens, signal) {
      return new Promise((resolve, reject) => {
        const state = stateOf(provider)
        if (closed || state === undefined) {
          reject(new Error(closed ? 'The limiter is closed' : `No provider ${provider} in the catalog`))
          return
        }
        if (signal.aborted) {
          reject(signal.reason)
          return
        }
        const batch = batchOf(owner)
        let turn = batch.turns.get(state)
        if (turn === undefined) {
          turn = createBatchTurn(owner.organizationId)
          turn.held = batch.held
          batch.turns.set(state, turn)
        }
        const waiter = new Waiter(state, batch, turn, tokens, signal, resolve, reject, leave)
        batch.waiting += 1
        enqueue(state.turns, waiter)
        joinSignal(signal, waiter)
        pump(state)
      })
    },
    stats () {
      return Object.fromEntries([...states.values()].map(state => (
        [state.name, { inFlight: state.inFlight, waiting: state.turns.waiting, slots: state.slots }]
      )))
    },
    async close () {
      closed = true
      for (const state of states.values()) {
        stopWaiting(state)
        state.slots = 0
        for (const batch of batches.values()) {
          const queue = batch.turns.get(state)?.queue
          while (queue?.first) {
            const waiter = queue.first
            leaveSignal(waiter.signal, waiter)
            dequeue(state.turns, waiter)
            waiter.reject(new Error('The limiter is closed'))
          }
        }
      }
      await slots.close()
    }
  }
}
