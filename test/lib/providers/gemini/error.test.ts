import test from 'ava'
import { readGeminiError, readRetryDelay } from '../../../../lib/providers/gemini/error.ts'

const error = (code: number, status: string, message: string, details: object[] = []): Record<string, unknown> => ({ error: { code, status, message, details } })
const quota = (quotaId: string): object => ({ '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [{ quotaId }] })

const cases: ReadonlyArray<readonly [name: string, parsed: Record<string, unknown> | null, code: string | number | null]> = [
  ['an overload', error(503, 'UNAVAILABLE', 'The model is overloaded.'), 503],
  ['a minute\'s quota', error(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded', [quota('GenerateRequestsPerMinutePerProjectPerModel')]), 429],
  ['a day\'s quota', error(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded', [quota('GenerateRequestsPerDayPerProjectPerModel-FreeTier')]), 'quota_exceeded'],
  ['a wrong key, which is a 400', error(400, 'INVALID_ARGUMENT', 'API key not valid.', [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' }]), 'API_KEY_INVALID'],
  ['a prompt that is too long', error(400, 'INVALID_ARGUMENT', 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).'), 'context_length_exceeded'],
  ['another invalid argument', error(400, 'INVALID_ARGUMENT', 'contents is not specified'), 400],
  ['a proxy\'s text', { error: 'no such host' }, null],
  ['nothing', null, null]
]
for (const [name, parsed, code] of cases) {
  test(`gemini error: ${name}`, t => {
    t.is(readGeminiError(parsed).code, code)
  })
}

test('gemini error: status and message are read too', t => {
  t.like(readGeminiError(error(503, 'UNAVAILABLE', 'Overloaded.')), { type: 'UNAVAILABLE', message: 'Overloaded.' })
})

const delays: ReadonlyArray<readonly [delay: unknown, ms: number | null]> = [
  ['12s', 12_000], ['0.5s', 500], ['7.123456789s', 7124], ['999999999s', 24 * 3_600_000], ['soon', null], ['-5s', null], [12, null]
]
for (const [delay, ms] of delays) {
  test(`gemini error: a RetryInfo of ${JSON.stringify(delay)} is ${ms} ms`, t => {
    t.is(readRetryDelay(error(429, 'RESOURCE_EXHAUSTED', '', [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: delay }])), ms)
  })
}
