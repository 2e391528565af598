import { setTimeout as sleep } from 'node:timers/promises'
import type { Batch } from 'openai/resources/batches'
import type { LoggedCall } from '../../../local/simulator/log.ts'
import type { Product, User } from '../../support/product.ts'
import type { ChatUsage } from './prices.ts'
import type { Sighting, Watch } from './watch.ts'

/** A line of an output or error file. */
export interface ResultLine {
  readonly custom_id: string
  readonly response: { readonly status_code: number, readonly request_id: string | null, readonly body: { readonly usage?: ChatUsage } } | null
  readonly error: { readonly code: string, readonly message: string } | null
}

export interface LedgerEntry {
  readonly line: number
  readonly provider: string
  readonly model: string
  readonly input_tokens: number
  readonly cached_input_tokens: number
  readonly output_tokens: number
  readonly reasoning_tokens: number
  readonly cost: string | null
}

/** Everything that was left of a batch: what its owner can download, what the database holds, and what the provider saw. */
export interface Evidence {
  readonly batch: Batch
  readonly output: readonly ResultLine[]
  readonly errors: readonly ResultLine[]
  readonly job: { readonly state: string, readonly cost: string, readonly unpriced: number }
  readonly events: ReadonlyArray<{ readonly seq: string, readonly type: string }>
  readonly ledger: readonly LedgerEntry[]
  /** When each row was saved: ms since 1970 by line. */
  readonly savedAt: ReadonlyMap<number, number>
  readonly calls: readonly LoggedCall[]
  readonly sightings: readonly Sighting[]
  /** Chunk leases and outbox messages of the batch that are still there. */
  readonly leftovers: number
}

/** Gathers the evidence of a batch that has ended. */
export async function gatherEvidence ({ pool, simulator }: Product, user: User, watch: Watch): Promise<Evidence> {
  const id = watch.batchId
  const batch = await user.openai.batches.retrieve(id)
  const [output, errors] = await Promise.all([batch.output_file_id, batch.error_file_id].map(async file => await download(user, file)))
  const jobs = await pool.query('SELECT state, cost, unpriced FROM job WHERE id = $1', [id])
  const events = await pool.query('SELECT seq, type FROM event WHERE resource_id = $1 ORDER BY event.seq', [id])
  const ledger = await pool.query('SELECT line, provider, model, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, cost FROM ledger WHERE resource_id = $1', [id])
  const rows = await pool.query<{ line: number, finished_at: Date }>('SELECT line, finished_at FROM batch_row WHERE batch_id = $1', [id])
  return {
    batch,
    output: output!,
    errors: errors!,
    job: jobs.rows[0] as Evidence['job'],
    events: events.rows as Evidence['events'],
    ledger: ledger.rows as LedgerEntry[],
    savedAt: new Map(rows.rows.map(row => [row.line, row.finished_at.getTime()])),
    calls: simulator.calls({ prefix: `${id}:` }),
    sightings: watch.sightings,
    leftovers: await countLeftovers()
  }

  /** A message or lease may be removed a moment after the batch has ended, and after a crash it is a sweeper that does it. */
  async function countLeftovers (): Promise<number> {
    const end = performance.now() + 5_000
    for (;;) {
      const { rows } = await pool.query<{ count: number }>(
        'SELECT ((SELECT count(*) FROM activity_lease WHERE resource_id = $1) + (SELECT count(*) FROM outbox WHERE resource_id = $1))::int AS count', [id])
      const { count } = rows[0]!
      if (count === 0 || performance.now() > end) return count
      await sleep(50)
    }
  }
}

async function download (user: User, fileId: string | null | undefined): Promise<ResultLine[]> {
  if (!fileId) return []
  const text = await (await user.openai.files.content(fileId)).text()
  if (!text.endsWith('\n')) throw new Error(`${fileId} does not end with a newline`)
  return text.slice(0, -1).split('\n').map(line => JSON.parse(line) as ResultLine)
}
