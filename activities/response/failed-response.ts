import { responseError } from '../../lib/dialects/responses/index.ts'
import { openResponse } from '../../lib/gateway/responses/open-response.ts'
import type { finishResponse, ResponseRecord } from '../../lib/store/responses.ts'

/** The object and the last event of a response that failed. OpenAI knows few codes; ours stands in the message. */
export function failedResponse (record: ResponseRecord, sequenceNumber: number, { code, message }: { code: string, message: string }): Parameters<typeof finishResponse>[2] {
  const response = openResponse(record, { status: 'failed', error: responseError(code, `${message} (${code})`) })
  return {
    status: 'failed',
    response,
    event: { sequenceNumber, data: JSON.stringify({ type: 'response.failed', sequence_number: sequenceNumber, response }) }
  }
}
