import { Client, Connection } from '@temporalio/client'
import pg from 'pg'
import { webhookDispatchWorkflowId } from '../../lib/contracts/workflows.ts'
import { newId } from '../../lib/ids.ts'
import { createKeyText, createTenant, insertKey } from '../../lib/store/keys.ts'
import type { Bench } from './stack.ts'

/** A project with one endpoint, named as its receiver is. */
export interface Subscriber { readonly name: string, readonly organizationId: string, readonly projectId: string, readonly endpoint: string }

export interface WebhookBench {
  /** A project of an organization of its own, with an endpoint at `url`. */
  readonly subscribe: (name: string, url: string) => Promise<Subscriber>
  /** Commits `count` events for each subscriber, those of all in turn, in groups of 500. */
  readonly emit: (subscribers: readonly Subscriber[], count: number) => Promise<void>
  /** Commits one event; gives the unix ms of the commit's return. */
  readonly emitOne: (subscriber: Subscriber) => Promise<{ id: string, committed: number }>
  /** State transitions that Temporal wrote for the subscribers' dispatchers so far: its transactions. */
  readonly transitions: (subscribers: readonly Subscriber[]) => Promise<number>
  readonly remove: (subscribers: readonly Subscriber[]) => Promise<void>
  readonly stop: () => Promise<void>
}

export async function openWebhookBench ({ stack }: Bench): Promise<WebhookBench> {
  const pool = new pg.Pool({ connectionString: stack.databaseUrl, max: 4 })
  const connection = await Connection.connect({ address: stack.temporalAddress })
  const client = new Client({ connection })
  const insert = async (events: ReadonlyArray<{ id: string, subscriber: Subscriber }>): Promise<void> => {
    await pool.query(
      `INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data)
       SELECT id, organization, project, 'batch_' || substr(id, 5), 1, 'batch.completed', '{"state":"succeeded"}' FROM unnest($1::text[], $2::text[], $3::text[]) AS event (id, organization, project)`,
      [events.map(({ id }) => id), events.map(({ subscriber }) => subscriber.organizationId), events.map(({ subscriber }) => subscriber.projectId)])
  }
  return {
    async subscribe (name, url) {
      const tenant = { organizationId: newId('organization'), projectId: newId('project') }
      const key = createKeyText()
      await createTenant(pool, { ...tenant, name })
      await insertKey(pool, { ...tenant, name, scopes: [], text: key })
      const answer = await fetch(`${stack.apiUrl}/api/v1/webhooks`, {
        method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify({ url, event_types: ['batch.*'] })
      })
      if (!answer.ok) throw new Error(`No endpoint: ${answer.status} ${await answer.text()}`)
      return { name, ...tenant, endpoint: (await answer.json() as { id: string }).id }
    },
    async emit (subscribers, count) {
      let group: Array<{ id: string, subscriber: Subscriber }> = []
      for (let number = 0; number < count; number++) {
        for (const subscriber of subscribers) {
          group.push({ id: newId('event'), subscriber })
          if (group.length < 500) continue
          await insert(group)
          group = []
        }
      }
      if (group.length > 0) await insert(group)
    },
    async emitOne (subscriber) {
      const id = newId('event')
      await insert([{ id, subscriber }])
      return { id, committed: Date.now() }
    },
    async transitions (subscribers) {
      let sum = 0
      for (const { endpoint } of subscribers) {
        for await (const { runId, workflowId } of client.workflow.list({ query: `WorkflowId = '${webhookDispatchWorkflowId(endpoint)}'` })) {
          const { raw } = await client.workflow.getHandle(workflowId, runId).describe()
          sum += Number(raw.workflowExecutionInfo?.stateTransitionCount ?? 0)
        }
      }
      return sum
    },
    async remove (subscribers) {
      await pool.query('DELETE FROM webhook_endpoint WHERE id = ANY($1)', [subscribers.map(({ endpoint }) => endpoint)])
    },
    async stop () {
      await Promise.all([pool.end(), connection.close()])
    }
  }
}
