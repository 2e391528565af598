import { setTimeout as sleep } from 'node:timers/promises'
import { ApplicationFailure, Context } from '@temporalio/activity'
import type { WorkflowHandle } from '@temporalio/client'
import type { ResponseActivities } from '../../activities/response/index.ts'
import type { responseWorkflow } from '../../workflows/response.ts'
import type { Trace } from './scenarios.ts'
import { workUntilCancelled } from './work-until-cancelled.ts'

export interface ResponseScenario {
  readonly name: string
  readonly activities: (trace: Trace) => ResponseActivities
  /** What happens from outside while the run goes on. */
  readonly drive?: (handle: WorkflowHandle<typeof responseWorkflow>, trace: Trace) => Promise<void>
}

/** Fakes that finish at once; `runResponse` gets the number of the attempt, from 1. */
function fakes (trace: Trace, runResponse: (attempt: number) => Promise<void>): ResponseActivities {
  return {
    async runResponse () {
      const { attempt } = Context.current().info
      trace.push(`run ${attempt}`)
      await runResponse(attempt)
      trace.push('done')
    },
    async failResponse () { trace.push('fail') }
  }
}

export const responseScenarios: readonly ResponseScenario[] = [
  { name: 'response-succeeded', activities: trace => fakes(trace, async () => {}) },
  {
    name: 'response-retried',
    activities: trace => fakes(trace, async attempt => {
      if (attempt < 3) throw ApplicationFailure.create({ message: 'try later', type: 'rate_limit_exceeded', nextRetryDelay: 10 })
    })
  },
  { name: 'response-given-up', activities: trace => fakes(trace, async () => { throw ApplicationFailure.nonRetryable('cannot be done') }) },
  {
    name: 'response-run-cancelled-by-operator',
    activities: trace => fakes(trace, async () => {
      const cancelled = await workUntilCancelled()
      trace.push('stopped')
      throw cancelled
    }),
    async drive (handle, trace) {
      while (!trace.includes('run 1')) await sleep(10)
      await handle.cancel()
    }
  }
]
