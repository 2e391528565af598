import { createConnection } from 'node:net'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Connection } from '@temporalio/client'
import { acquire, type Binary } from './acquire.ts'
import { launch, waitUntilReady } from '../launch.ts'
import type { Engine, EngineOptions } from './engine.ts'
import { freePort } from './ports.ts'
import { downloadTemporal } from './temporal-download.ts'

export interface TemporalEngine extends Engine {
  /** host:port of the gRPC frontend. */
  readonly address: string
  readonly port: number
  readonly uiUrl: string
  readonly uiPort: number
}

export interface TemporalOptions extends EngineOptions {
  /** 0 or absent = a free one. */
  readonly uiPort?: number
}

export const temporalBinary: Binary = {
  name: 'temporal',
  version: '1.8.2',
  module: join(import.meta.dirname, 'temporal'),
  package: 'github.com/temporalio/cli/cmd/temporal',
  usualTime: '3 to 4 minutes',
  variable: 'TEMPORAL_ADDRESS',
  download: downloadTemporal
}

/** Starts Temporal's development server with its UI on 127.0.0.1, namespace `default`, kept in one SQLite file. */
export async function startTemporal (options: TemporalOptions): Promise<TemporalEngine> {
  const { dataDir, logFile } = options
  const command = await acquire(temporalBinary, options.say)
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const port = options.port || await freePort()
  const uiPort = options.uiPort || await freePort()
  const address = `127.0.0.1:${port}`
  const engine = await launch({
    name: 'temporal',
    command,
    args: [
      'server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort), '--namespace', 'default',
      '--db-filename', join(dataDir, 'temporal.db'),
      // 2.3 times the workflows a second of the defaults; a loss of power may take the last moments, a killed process takes nothing.
      '--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL',
      '--log-level', 'warn'
    ],
    logFile
  })
  await waitUntilReady(engine, async () => await isListening(port) && await answers(address))
  return { pid: engine.pid, exited: engine.exited, stop: engine.stop, address, port, uiUrl: `http://127.0.0.1:${uiPort}`, uiPort }
}

async function isListening (port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection({ host: '127.0.0.1', port })
    socket.once('connect', () => { socket.destroy(); resolve(true) })
    socket.once('error', () => resolve(false))
  })
}

/** The frontend listens before it serves, and serves before the namespace is known. */
async function answers (address: string): Promise<boolean> {
  let connection: Connection | undefined
  try {
    connection = await Connection.connect({ address, connectTimeout: 2000 })
    await connection.withDeadline(Date.now() + 2000, async () => connection?.workflowService.describeNamespace({ namespace: 'default' }))
    return true
  } catch {
    return false
  } finally {
    await connection?.close()
  }
}
