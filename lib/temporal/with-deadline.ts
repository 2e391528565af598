import type { Client } from '@temporalio/client'

const running = new WeakMap<object, number>()

/**
 * As the connection's own withDeadline: calls to Temporal that `work` makes end within `milliseconds`. The connection keeps the deadline
 * in an AsyncLocalStorage, which from its first use on follows every promise of the process for good: about 4 % of the CPU of a
 * request for a model (by profile). So it is switched off again when the last call is over; the next use switches it on.
 */
export async function withDeadline<T> ({ connection }: Client, milliseconds: number, work: () => Promise<T>): Promise<T> {
  const { callContextStorage } = connection as typeof connection & { callContextStorage?: { disable: () => void } }
  running.set(connection, (running.get(connection) ?? 0) + 1)
  try {
    return await connection.withDeadline(Date.now() + milliseconds, work)
  } finally {
    const left = running.get(connection)! - 1
    running.set(connection, left)
    if (left === 0) callContextStorage?.disable()
  }
}
