import { openAsBlob } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { io, type Socket } from 'socket.io-client'
import type { ProgressMessage } from '../../lib/contracts/jobs.ts'
import { isTerminal } from '../../lib/domain/job-state.ts'
import type { Bench } from './stack.ts'

export interface Batch { readonly id: string, readonly status: string, readonly output_file_id: string | null, readonly request_counts: { readonly total: number, readonly completed: number, readonly failed: number } }

const pollInterval = 20

/** A call to the api. Throws unless it is answered with a 2xx. */
async function call ({ stack }: Bench, path: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(stack.apiUrl + path, { ...init, headers: { authorization: `Bearer ${stack.apiKey}`, ...init.headers } })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return response
}

/** Uploads a batch input file and returns its id. */
export async function uploadInput (bench: Bench, path: string): Promise<string> {
  const form = new FormData()
  form.append('purpose', 'batch')
  form.append('file', await openAsBlob(path), 'input.jsonl')
  const response = await call(bench, '/v1/files', { method: 'POST', body: form })
  return (await response.json() as { id: string }).id
}

export async function createBatch (bench: Bench, inputFileId: string): Promise<Batch> {
  const body = JSON.stringify({ input_file_id: inputFileId, endpoint: '/v1/chat/completions', completion_window: '24h' })
  const response = await call(bench, '/v1/batches', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  return await response.json() as Batch
}

export async function connectSocket ({ stack }: Bench): Promise<Socket> {
  const socket = io(`${stack.apiUrl}/jobs`, { auth: { key: stack.apiKey }, transports: ['websocket'], reconnection: false })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('connect_error', reject)
  })
  return socket
}

/** Subscribes to a job and resolves when `enough` says so of a progress, or the job has ended. Rejects when the connection is lost. */
export async function follow (socket: Socket, job: string, enough: (progress: ProgressMessage) => boolean): Promise<void> {
  const over = new AbortController()
  try {
    await new Promise<void>((resolve, reject) => {
      const take = (progress: ProgressMessage): void => { if (progress.job === job && (enough(progress) || isTerminal(progress.state))) resolve() }
      socket.on('progress', take)
      const lost = (reason: string): void => { reject(new Error(`The socket was closed: ${reason}`)) }
      socket.on('disconnect', lost)
      over.signal.addEventListener('abort', () => socket.off('progress', take).off('disconnect', lost))
      socket.timeout(5000).emitWithAck('subscribe', { job }).then((answer: { progress?: ProgressMessage }) => {
        if (answer.progress === undefined) throw new Error(`Not subscribed: ${JSON.stringify(answer)}`)
        take(answer.progress)
      }).catch(reject)
    })
  } finally {
    over.abort()
  }
}

/** Resolves when the status is `completed`, looking every 20 ms. Throws when the batch ended otherwise or a row failed. */
export async function pollUntilCompleted (bench: Bench, id: string): Promise<Batch> {
  for (;;) {
    const batch = await (await call(bench, `/v1/batches/${id}`)).json() as Batch
    if (['failed', 'expired', 'cancelled'].includes(batch.status) || batch.request_counts.failed > 0) throw new Error(`Not completed: ${JSON.stringify(batch)}`)
    if (batch.status === 'completed') return batch
    await delay(pollInterval)
  }
}

/** The text of the output file. */
export async function readOutput (bench: Bench, batch: Batch): Promise<string> {
  return await (await call(bench, `/v1/files/${batch.output_file_id}/content`)).text()
}
