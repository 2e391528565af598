/** The life of every durable job. Terminal states are written once. */
export const jobStates = ['queued', 'running', 'paused', 'finalizing', 'succeeded', 'failed', 'cancelled', 'expired'] as const
export type JobState = typeof jobStates[number]

export const terminalStates = ['succeeded', 'failed', 'cancelled', 'expired'] as const satisfies readonly JobState[]
export type TerminalState = typeof terminalStates[number]

export function isTerminal (state: JobState): state is TerminalState {
  return (terminalStates as readonly JobState[]).includes(state)
}

const next: Readonly<Record<JobState, readonly JobState[]>> = {
  queued: ['running', 'failed', 'cancelled', 'finalizing'],
  running: ['paused', 'finalizing'],
  paused: ['running', 'finalizing'],
  finalizing: ['succeeded', 'failed', 'cancelled', 'expired'],
  succeeded: [],
  failed: [],
  cancelled: [],
  expired: []
}

/** The states from which `to` may be entered; the WHERE of every guarded UPDATE. */
export function statesBefore (to: JobState): JobState[] {
  return jobStates.filter(from => next[from].includes(to))
}
