import { createInterface } from 'node:readline'
import { endProcess, startTime } from './processes.ts'

/** ms from the polite signal to SIGKILL. */
const deadline = 10_000

interface Watched { readonly pid: number, readonly started: string, readonly signal: NodeJS.Signals }

// See guard.ts. Each line is the whole list; the end of the input is the end of the process that wrote it.
let watched: Watched[] = []
for await (const line of createInterface({ input: process.stdin })) watched = JSON.parse(line) as Watched[]
await Promise.allSettled(watched
  .filter(entry => startTime(entry.pid) === entry.started)
  .map(async entry => endProcess(entry.pid, entry.signal, deadline)))
