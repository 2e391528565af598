import { finishResponse, readResponseById } from '../../lib/store/responses.ts'
import { throughOutage } from '../../lib/store/retry-outage.ts'
import { withHeartbeat } from '../heartbeat.ts'
import { failedResponse } from './failed-response.ts'
import type { ResponseDependencies } from './run-response.ts'

/** Ends a response whose call was given up. */
export function createFailResponse ({ pool }: Pick<ResponseDependencies, 'pool'>) {
  return async function failResponse ({ responseId }: { responseId: string }): Promise<void> {
    await withHeartbeat(async () => {
      await throughOutage(async () => {
        const record = await readResponseById(pool, responseId)
        if (record === null) return
        const end = failedResponse(record, record.lastEvent + 1, { code: 'upstream_error', message: 'The response could not be completed in time.' })
        await finishResponse(pool, responseId, end)
      })
    })
  }
}
