import type { Pool } from 'pg'
import { newId } from '../../lib/ids.ts'
import type { DeliveryState } from '../../lib/contracts/webhooks.ts'

/** A delivery of an event to an endpoint as fan-out and dispatcher leave it. Returns its id. */
export async function addDelivery (pool: Pool, endpointId: string, eventId: string, { state = 'pending', attempts = [], createdAt = new Date() }: { state?: DeliveryState, attempts?: ReadonlyArray<{ status: number | null, errorClass?: string, body?: string }>, createdAt?: Date } = {}): Promise<string> {
  const id = newId('delivery')
  await pool.query(
    `INSERT INTO webhook_delivery (id, endpoint_id, event_id, organization_id, project_id, resource_id, event_seq, event_type, state, attempts, created_at, finished_at, round, due_at)
     SELECT $1, $2, id, organization_id, project_id, resource_id, seq, type, $4, $5::integer, $6, CASE WHEN $4 <> 'pending' THEN now() END, $5::integer, now() + interval '1 hour' FROM event WHERE id = $3`,
    [id, endpointId, eventId, state, attempts.length, createdAt])
  for (const [place, { status, errorClass = null, body = 'ok' }] of attempts.entries()) {
    await pool.query(
      `INSERT INTO webhook_attempt (delivery_id, number, trigger, url, address, status, error_class, error_message, timing, request, response, started_at)
       VALUES ($1, $2, 'event', 'https://receiver.example/hook', '203.0.113.7', $3, $4, $5, '{"dns":1,"connect":2,"tls":3,"first_byte":4,"total":10}',
         '{"headers":{"webhook-id":"evt_1"},"body":"{}"}', $6, now())`,
      [id, place + 1, status, errorClass, errorClass === null ? null : 'No answer.', status === null ? null : JSON.stringify({ headers: { server: 'x' }, body })])
  }
  return id
}

/** Everything in the database as text, what is stored as bytes also in readable form. */
export async function dumpDatabase (pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ name: string }>("SELECT quote_ident(relname) AS name FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace")
  const texts = await Promise.all(rows.map(async ({ name }) => {
    const content = await pool.query<{ text: string }>(`SELECT t::text AS text FROM ${name} AS t`)
    return content.rows.map(row => row.text + Buffer.from(row.text.match(/\\x[0-9a-f]+/g)?.map(hex => hex.slice(2)).join('') ?? '', 'hex').toString('latin1')).join('\n')
  }))
  if (rows.length < 20) throw new Error('These are not all tables')
  return texts.join('\n')
}
