import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkflowHandle } from '@temporalio/client'
import type { BatchActivities } from '../../activities/batch/index.ts'
import type { BatchWorkflowInput, ChunkOutcome } from '../../lib/contracts/workflows.ts'
import type { batchWorkflow } from '../../workflows/batch.ts'
import { workUntilCancelled } from './work-until-cancelled.ts'

/** What the fake activities were asked to do, in order. */
export type Trace = string[]

export interface Scenario {
  readonly name: string
  readonly input?: Partial<BatchWorkflowInput>
  readonly activities: (trace: Trace) => Pick<BatchActivities, 'beginBatch' | 'runChunk' | 'finalizeBatch' | 'requestCancelOfBatch'>
  /** What happens from outside while the run goes on. */
  readonly drive?: (handle: WorkflowHandle<typeof batchWorkflow>, trace: Trace) => Promise<void>
}

/** Fakes that finish at once, for `chunks` chunks; a scenario replaces what it is about. */
function fakes (trace: Trace, chunks: number, runChunk: (chunk: number) => Promise<ChunkOutcome> = async () => 'done'): ReturnType<Scenario['activities']> {
  return {
    async beginBatch () {
      trace.push('begin')
      return { chunkCount: chunks, openChunks: 3 }
    },
    async runChunk ({ chunk }) {
      const outcome = await runChunk(chunk)
      trace.push(`chunk ${chunk} ${outcome}`)
      return outcome
    },
    async finalizeBatch ({ reason }) {
      trace.push(`finalize ${reason ?? 'all'}`)
      return reason === 'cancelled' || reason === 'expired' ? reason : 'succeeded'
    },
    async requestCancelOfBatch () { trace.push('request cancel') }
  }
}

/** Waits until the trace shows something: the point at which a scenario acts. Bounded by the test's own timeout. */
async function seen (trace: Trace, entry: string): Promise<void> {
  while (!trace.includes(entry)) await sleep(10)
}

export const scenarios: readonly Scenario[] = [
  { name: 'batch-succeeded', activities: trace => fakes(trace, 7) },
  {
    name: 'batch-failed-input',
    activities: trace => ({ ...fakes(trace, 0), async beginBatch () { trace.push('begin'); return null } })
  },
  {
    name: 'batch-handed-over',
    activities: trace => {
      let first = true
      return fakes(trace, 2, async chunk => {
        if (chunk !== 0 || !first) return 'done'
        first = false
        return 'handover'
      })
    }
  },
  {
    name: 'batch-paused-and-resumed',
    activities: trace => {
      let paused = true
      return {
        ...fakes(trace, 3, async chunk => {
          if (chunk !== 1 || !paused) return 'done'
          paused = false
          return 'paused'
        })
      }
    },
    async drive (handle, trace) {
      await seen(trace, 'chunk 1 paused')
      await handle.signal('resume')
    }
  },
  {
    name: 'batch-cancelled-while-paused',
    activities: trace => fakes(trace, 2, async () => 'paused'),
    async drive (handle, trace) {
      await seen(trace, 'chunk 0 paused')
      await handle.signal('cancel')
    }
  },
  {
    name: 'batch-window-over-while-paused',
    input: { expiresAt: new Date(0).toISOString() },
    activities: trace => fakes(trace, 1, async () => 'paused')
  },
  { name: 'batch-budget-exceeded', activities: trace => fakes(trace, 4, async chunk => chunk === 0 ? 'budget_exceeded' : 'done') },
  {
    name: 'batch-run-cancelled-by-operator',
    activities: trace => fakes(trace, 1, async () => {
      trace.push('chunk 0 started')
      await workUntilCancelled()
      return 'cancelled'
    }),
    async drive (handle, trace) {
      await seen(trace, 'chunk 0 started')
      await handle.cancel()
    }
  },
  { name: 'batch-continued-as-new', input: { maxHistoryEvents: 60 }, activities: trace => fakes(trace, 30) }
]
