import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { pino } from 'pino'
import type { UsageRecord } from '../../../lib/contracts/usage.ts'
import type { Logger } from '../../../lib/log.ts'
import { openJournal, type JournalOptions } from '../../../lib/usage/journal.ts'

export const silent: Logger = pino({ level: 'silent' })

export function temporaryDirectory (t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'journal-'))
  t.teardown(() => { rmSync(directory, { recursive: true, force: true }) })
  return directory
}

export function record (id: string, changes: Partial<UsageRecord> = {}): UsageRecord {
  return {
    id,
    createdAt: 1_790_000_000_000,
    organizationId: 'org_a',
    projectId: 'proj_a',
    keyId: 'key_a',
    endpoint: '/v1/chat/completions',
    model: 'sim-fast',
    provider: 'simulator',
    deployment: 'dep_a',
    endUser: null,
    status: 200,
    errorCode: null,
    attempts: 1,
    usage: { inputTokens: 10, cachedInputTokens: 0, outputTokens: 20, reasoningTokens: 0 },
    cost: '2500000',
    latencyMs: 12,
    firstTokenMs: null,
    stream: false,
    cached: false,
    estimated: false,
    ...changes
  }
}

/** Logs to memory: message and fields of every line. */
export function memoryLog (): { log: Logger, lines: Array<Record<string, unknown> & { msg: string }> } {
  const lines: Array<Record<string, unknown> & { msg: string }> = []
  const log = pino({ level: 'info' }, { write: (line: string) => { lines.push(JSON.parse(line) as typeof lines[number]) } })
  return { log, lines }
}

/** A store that keeps what it is given, and fails while `failure` is set. Rows are unique by id, as in Postgres. */
export function memoryStore () {
  const rows = new Map<string, { record: UsageRecord, processId: string }>()
  const store = {
    rows,
    calls: 0,
    given: 0,
    largest: 0,
    failure: null as null | ((records: readonly UsageRecord[]) => Error | null),
    write: async (records: readonly UsageRecord[], processId: string): Promise<void> => {
      store.calls++
      const error = store.failure?.(records) ?? null
      if (error !== null) throw error
      store.given += records.length
      store.largest = Math.max(store.largest, records.length)
      for (const record of records) rows.set(record.id, { record, processId })
    }
  }
  return store
}

export async function open (t: ExecutionContext, options: Partial<JournalOptions> & Pick<JournalOptions, 'directory' | 'write'>) {
  const journal = await openJournal({ processId: 'process_test', log: silent, ...options })
  t.teardown(async () => { await journal.close() })
  return journal
}

export async function until (condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setTimeout(resolve, 10))
}

export const outage = (): Error => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
