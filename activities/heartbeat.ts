import { Context } from '@temporalio/activity'

/** ms. More often than the worker's throttle (maxHeartbeatThrottleInterval), which decides what is really sent. */
const HEARTBEAT_INTERVAL = 400

/** Heartbeats for as long as `work` runs, so that Temporal notices within the heartbeat timeout when this process is gone. */
export async function withHeartbeat<T> (work: () => Promise<T>): Promise<T> {
  const context = Context.current()
  context.heartbeat()
  const timer = setInterval(() => { context.heartbeat() }, HEARTBEAT_INTERVAL)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}
