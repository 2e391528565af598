import { CancelledFailure, Context } from '@temporalio/activity'

/** Heartbeats in a fake activity until it is cancelled, and gives the failure that tells so. */
export async function workUntilCancelled (): Promise<CancelledFailure> {
  const context = Context.current()
  const beat = setInterval(() => { context.heartbeat() }, 100)
  try {
    return await context.cancelled
  } catch (error) {
    if (!(error instanceof CancelledFailure)) throw error
    return error
  } finally {
    clearInterval(beat)
  }
}
