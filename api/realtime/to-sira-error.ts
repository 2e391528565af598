import { SiraError } from '../../lib/errors.ts'
import { isOutage } from '../../lib/store/retry-outage.ts'

/** Anything thrown, as an error that a client may be shown. */
export function toSiraError (thrown: unknown): SiraError {
  if (thrown instanceof SiraError) return thrown
  return isOutage(thrown) ? new SiraError('unavailable', { dependency: 'The database' }) : new SiraError('internal_error')
}
