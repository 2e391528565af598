/** Where a limiter's slots come from. Slots are what one process may have in flight at a provider now. */
export interface SlotSource {
  /** Called once by the limiter, before anything else. */
  start: (consumer: SlotConsumer) => void
  /** Someone waits at this provider and no slot is free. Cheap: it is called for every call that has to wait. */
  wake: (provider: string) => void
  /** Gives back what is not in use. */
  close: () => Promise<void>
}

export interface SlotConsumer {
  /** Calls in flight now, and the most slots that would have been used at once since the last question. */
  demand: (provider: string) => { readonly inFlight: number, readonly wanted: number }
  /** `slots` replaces the earlier number; when it is less than what is in flight, no call starts until enough have ended. `share` of the rates, 0 to 1. */
  granted: (provider: string, slots: number, share: number) => void
}
