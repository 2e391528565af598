import type { WebhookAttempt } from '../contracts/webhooks.ts'
import type { NextStep } from '../domain/delivery-schedule.ts'
import type { Queryable } from './database.ts'

/** An attempt and what follows from it. */
export interface DeliveryOutcome {
  readonly endpointId: string
  readonly attempt: WebhookAttempt
  readonly next: NextStep
}

/** How an endpoint does, as a flush left it. */
export interface EndpointHealth {
  readonly endpointId: string
  /** Failed attempts since the last success. */
  readonly failures: number
  readonly failingSince: Date | null
  readonly failingTold: boolean
}

/*
 * One statement, so that an attempt, its delivery and the endpoint's health agree:
 * - `locked` comes before `open`, as lib/store/wake-dispatchers.ts has it; both by id.
 * - an attempt's number is unique in its delivery, and all that is below reads `attempted`, the attempts that this statement really inserted: repeated after an outage, it changes nothing.
 * - a delivery that was withdrawn meanwhile stays so, unless it was delivered after all.
 * - failures since the last success are counted in the order of the input.
 */
const saveStatement = `
WITH input AS (
  SELECT * FROM json_to_recordset($1::json) AS t (
    place int, delivery_id text, endpoint_id text, number int, trigger text, url text, address text, status smallint, error_class text, error_message text,
    timing jsonb, request jsonb, response jsonb, started_at timestamptz, delivered boolean, state text, round smallint, delay float8, tried text[], rest float8)
), locked AS MATERIALIZED (
  SELECT endpoint_id FROM webhook_dispatch WHERE endpoint_id IN (SELECT endpoint_id FROM input) ORDER BY endpoint_id FOR NO KEY UPDATE
), open AS MATERIALIZED (
  SELECT delivery.id, delivery.state FROM webhook_delivery AS delivery JOIN locked USING (endpoint_id)
  WHERE delivery.id IN (SELECT delivery_id FROM input) FOR NO KEY UPDATE OF delivery
), attempted AS (
  INSERT INTO webhook_attempt (delivery_id, number, trigger, url, address, status, error_class, error_message, timing, request, response, started_at)
  SELECT delivery_id, number, trigger, url, address, status, error_class, error_message, timing, request, response, started_at FROM input JOIN open ON open.id = delivery_id
  ON CONFLICT (delivery_id, number) DO NOTHING
  RETURNING delivery_id, number
), made AS (
  SELECT input.*, open.state AS state_before FROM input JOIN attempted USING (delivery_id, number) JOIN open ON open.id = delivery_id
), changed AS (
  UPDATE webhook_delivery AS delivery SET
    attempts = greatest(delivery.attempts, made.number),
    state = made.state, round = made.round, tried = made.tried,
    due_at = CASE WHEN made.state = 'pending' THEN now() + made.delay * interval '1 millisecond' ELSE made.started_at END,
    finished_at = CASE WHEN made.state = 'pending' THEN NULL ELSE now() END
  FROM made WHERE delivery.id = made.delivery_id AND (made.state_before = 'pending' OR made.delivered)
), counted AS (
  UPDATE webhook_delivery AS delivery SET attempts = greatest(delivery.attempts, made.number)
  FROM made WHERE delivery.id = made.delivery_id AND NOT (made.state_before = 'pending' OR made.delivered)
), seen AS (
  SELECT made.*, max(place) FILTER (WHERE delivered) OVER (PARTITION BY endpoint_id) AS last_success FROM made
), sums AS (
  SELECT endpoint_id, max(last_success) IS NOT NULL AS succeeded, max(rest) AS rest,
    count(*) FILTER (WHERE place > coalesce(last_success, -1))::int AS failures,
    min(started_at) FILTER (WHERE place > coalesce(last_success, -1)) AS failing_since
  FROM seen GROUP BY endpoint_id
)
UPDATE webhook_dispatch AS dispatch SET
  failures = CASE WHEN succeeded THEN sums.failures ELSE dispatch.failures + sums.failures END,
  failing_since = CASE WHEN succeeded THEN sums.failing_since ELSE coalesce(dispatch.failing_since, sums.failing_since) END,
  failing_told = dispatch.failing_told AND NOT succeeded,
  last_success_at = CASE WHEN succeeded THEN now() ELSE dispatch.last_success_at END,
  rest_until = greatest(dispatch.rest_until, now() + rest * interval '1 millisecond'),
  updated_at = now()
FROM sums WHERE dispatch.endpoint_id = sums.endpoint_id
RETURNING dispatch.endpoint_id, dispatch.failures, dispatch.failing_since, dispatch.failing_told`

/** Persists attempts of any endpoints. May be repeated after an outage. Those of deliveries that are gone are dropped. */
export async function saveOutcomes (database: Queryable, outcomes: readonly DeliveryOutcome[]): Promise<EndpointHealth[]> {
  const input = outcomes.map(({ endpointId, attempt, next }, place) => ({
    place,
    delivery_id: attempt.deliveryId,
    endpoint_id: endpointId,
    number: attempt.number,
    trigger: attempt.trigger,
    url: attempt.url,
    address: attempt.address,
    status: attempt.status,
    error_class: attempt.errorClass,
    error_message: attempt.errorMessage,
    timing: {
      dns: attempt.timing.dns, connect: attempt.timing.connect, tls: attempt.timing.tls, first_byte: attempt.timing.firstByte, total: attempt.timing.total
    },
    request: attempt.request,
    response: attempt.response,
    started_at: attempt.startedAt,
    delivered: next.state === 'delivered',
    state: next.state,
    round: next.round,
    delay: next.delay,
    tried: next.tried,
    rest: next.rest
  }))
  const { rows } = await database.query<{ endpoint_id: string, failures: number, failing_since: Date | null, failing_told: boolean }>(saveStatement, [JSON.stringify(input)])
  return rows.map(row => ({ endpointId: row.endpoint_id, failures: row.failures, failingSince: row.failing_since, failingTold: row.failing_told }))
}
