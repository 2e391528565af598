import type { FastifyBaseLogger } from 'fastify'
import type { ObjectStore } from '../../lib/store/object-store.ts'
import { isOutage } from '../../lib/store/retry-outage.ts'

/** Removes an object that got no row. A failure to do so is only logged: the caller must see why there is no row. */
export async function discardObject (objects: ObjectStore, key: string, log: FastifyBaseLogger): Promise<void> {
  try {
    await objects.remove(key)
  } catch (error) {
    log.warn({ err: error, key }, 'an object without a row was left behind')
  }
}

/**
 * The same after its transaction failed. When the database went away nobody knows whether it was committed, and an object
 * without a row harms less than a row without its object.
 */
export async function discardUncommitted (objects: ObjectStore, key: string, cause: unknown, log: FastifyBaseLogger): Promise<void> {
  if (isOutage(cause)) log.warn({ err: cause, key }, 'an object may have been left without a row')
  else await discardObject(objects, key, log)
}
