import type { PoolClient } from 'pg'
import type { Queryable } from './database.ts'
import { takesEvent } from './event-pattern.ts'
import type { OutboxEntry } from './outbox.ts'
import { lockDispatches, wakeDispatchers } from './wake-dispatchers.ts'
import { EVENT_DAYS } from './webhook-replays.ts'

/** Events of one transaction: some 10 ms, for which the endpoint's dispatcher waits. */
const MOST_EVENTS = 500

/** What came of one step: `more` events may be in the range, all are `queued`, or the endpoint can get nothing. */
export interface QueueStep { readonly outcome: 'more' | 'queued' | 'disabled' | 'deleted', readonly wake: readonly OutboxEntry[] }

/*
 * In one statement, the dispatch lock held, so that no delivery ends meanwhile:
 * - the next events of the range, by time; what waits for its fan-out is left to that, which delivers it anyway;
 * - deliveries of earlier replays among them are counted for those before they carry this one's id;
 * - what is pending already is left as it is, everything else is due again, with the same id of the event;
 * - the cursor moves and the total grows with what was really queued. Done again, it goes on behind the cursor: nothing is queued twice.
 */
const queueStatement = `
WITH replay AS (
  SELECT webhook_replay.*, endpoint.organization_id, endpoint.project_id, endpoint.scope, endpoint.resource_id, endpoint.event_types AS subscribed
  FROM webhook_replay JOIN webhook_endpoint AS endpoint ON endpoint.id = endpoint_id JOIN job ON job.id = webhook_replay.id
  WHERE webhook_replay.id = $1 AND NOT queued AND job.state = 'running'
), picked AS (
  SELECT event.*, new_id('whd_') AS delivery_id FROM replay JOIN event ON event.organization_id = replay.organization_id
  WHERE event.created_at >= greatest(replay.since, replay.cursor_at, now() - make_interval(days => ${EVENT_DAYS})) AND event.created_at < replay.until
    AND (replay.cursor_at IS NULL OR (event.created_at, event.id) > (replay.cursor_at, replay.cursor_id))
    AND event.feed_seq IS NOT NULL
    AND (replay.scope = 'organization' OR event.project_id = replay.project_id)
    AND (replay.resource_id IS NULL OR event.resource_id = replay.resource_id) AND event.resource_id <> replay.endpoint_id
    AND ${takesEvent('replay.subscribed')} AND (replay.event_types IS NULL OR ${takesEvent('replay.event_types')})
    AND (NOT replay.only_failed OR EXISTS (SELECT FROM webhook_delivery
      WHERE webhook_delivery.endpoint_id = replay.endpoint_id AND event_id = event.id AND webhook_delivery.state IN ('exhausted', 'disabled')))
  ORDER BY event.created_at, event.id LIMIT ${MOST_EVENTS}
), passed AS (
  UPDATE webhook_replay SET passed_succeeded = passed_succeeded + taken.succeeded, passed_failed = passed_failed + taken.failed
  FROM (
    SELECT replay_id, count(*) FILTER (WHERE state = 'delivered') AS succeeded, count(*) FILTER (WHERE state <> 'delivered') AS failed
    FROM webhook_delivery JOIN picked ON picked.id = event_id
    WHERE endpoint_id = $2 AND state <> 'pending' AND replay_id IS NOT NULL GROUP BY replay_id
  ) AS taken WHERE webhook_replay.id = taken.replay_id
), queued AS (
  INSERT INTO webhook_delivery AS delivery (id, endpoint_id, event_id, organization_id, project_id, resource_id, event_seq, event_type, trigger, replay_id)
  SELECT delivery_id, $2, id, organization_id, project_id, resource_id, seq, type, 'replay', $1 FROM picked ORDER BY created_at, id
  ON CONFLICT (endpoint_id, event_id) DO UPDATE
    SET state = 'pending', trigger = 'replay', replay_id = $1, round = 0, tried = '{}', due_at = now(), finished_at = NULL
    WHERE delivery.state <> 'pending'
  RETURNING 1
)
UPDATE webhook_replay SET
  total = webhook_replay.total + (SELECT count(*) FROM queued),
  queued = (SELECT count(*) FROM picked) < ${MOST_EVENTS},
  cursor_at = coalesce((SELECT created_at FROM picked ORDER BY created_at DESC, id DESC LIMIT 1), webhook_replay.cursor_at),
  cursor_id = coalesce((SELECT id FROM picked ORDER BY created_at DESC, id DESC LIMIT 1), webhook_replay.cursor_id)
FROM replay WHERE webhook_replay.id = replay.id
RETURNING webhook_replay.queued, (SELECT count(*) FROM queued) AS count`

/** Queues the next events of a replay, in the caller's transaction. `wake` is to be sent to Temporal after the commit. */
export async function queueReplayStep (client: PoolClient, replayId: string, endpointId: string): Promise<QueueStep> {
  const endpoint = (await lockDispatches(client, [endpointId])).get(endpointId)
  if (endpoint === undefined) return { outcome: 'deleted', wake: [] }
  if (!endpoint.enabled) return { outcome: 'disabled', wake: [] }
  const { rows: [step] } = await client.query<{ queued: boolean, count: number }>(queueStatement, [replayId, endpointId])
  if (step === undefined) return { outcome: 'queued', wake: [] } // an earlier attempt did it, or the job is being ended
  return { outcome: step.queued ? 'queued' : 'more', wake: step.count === 0 ? [] : await wakeDispatchers(client, [endpointId]) }
}

/**
 * Takes back what a replay has queued and what has not ended: it becomes what it was, delivered if an attempt ever succeeded, else
 * exhausted, and no longer belongs to the replay. An attempt under way is not called back. The job is finalizing: nothing more is queued.
 */
export async function withdrawReplay (client: Queryable, replayId: string, endpointId: string): Promise<number> {
  await lockDispatches(client, [endpointId])
  const { rowCount } = await client.query(
    `UPDATE webhook_delivery SET replay_id = NULL, finished_at = now(), state = CASE WHEN EXISTS (
       SELECT FROM webhook_attempt WHERE delivery_id = webhook_delivery.id AND status BETWEEN 200 AND 299) THEN 'delivered' ELSE 'exhausted' END
     WHERE replay_id = $1 AND state = 'pending'`, [replayId])
  return rowCount ?? 0
}
