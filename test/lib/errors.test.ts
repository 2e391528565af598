import test from 'ava'
import { errorDefinitions, formatMessage, SiraError } from '../../lib/errors.ts'

test('an error message is its template filled with its parameters', t => {
  const error = new SiraError('not_found', { resource: 'batch', id: 'batch_1' })
  t.is(error.message, 'No batch with id batch_1 in this project.')
  t.is(error.status, 404)
})

test('a parameter that is missing stays visible instead of becoming undefined', t => {
  t.is(formatMessage('{a} and {b}', { a: 1 }), '1 and {b}')
})

test('a conflict that no repetition can mend is not retryable, one that passes is', t => {
  t.false(new SiraError('state_conflict').retryable)
  t.false(new SiraError('idempotency_mismatch').retryable)
  t.true(new SiraError('idempotency_in_progress').retryable)
  t.true(new SiraError('unavailable').retryable)
  t.false(new SiraError('invalid_parameter').retryable)
})

test('the field at fault is named by every error that has one', t => {
  t.is(new SiraError('missing_parameter', { param: 'endpoint' }).param, 'endpoint')
  for (const definition of Object.values(errorDefinitions)) t.true(definition.status >= 400 && definition.status < 600)
})
