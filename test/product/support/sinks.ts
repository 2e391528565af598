import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import type pg from 'pg'

// Everything that a process writes somewhere, as text to search.

/** All rows of all tables, binary columns also as the text they hold. */
export async function dumpTables (pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query<{ name: string }>("SELECT quote_ident(relname) AS name FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace")
  const texts: string[] = []
  for (const { name } of rows) {
    const content = await pool.query<{ text: string }>(`SELECT t::text AS text FROM ${name} AS t`)
    for (const { text } of content.rows) {
      const binary = (text.match(/\\x[0-9a-f]+/g) ?? []).map(hex => Buffer.from(hex.slice(2), 'hex').toString('latin1'))
      texts.push(text, ...binary)
    }
  }
  return texts.join('\n')
}

/** All files below a folder. */
export function readFolder (folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
    .map(entry => readFileSync(join(entry.parentPath, entry.name), 'latin1')).join('\n')
}

/** The histories of all runs on a task queue, with what their payloads hold. */
export async function readHistories (address: string, taskQueue: string): Promise<string> {
  const connection = await Connection.connect({ address })
  try {
    const client = new Client({ connection })
    const texts: string[] = []
    for await (const { workflowId, runId } of client.workflow.list({ query: `TaskQueue = '${taskQueue}'` })) {
      const history = await client.workflow.getHandle(workflowId, runId).fetchHistory()
      texts.push(workflowId, JSON.stringify(history, (_name, value: unknown) => readable(value)))
    }
    return texts.join('\n')
  } finally {
    await connection.close()
  }
}

/** With what a text may stand for beside it: a history's own toJSON writes payloads as base64. */
function readable (value: unknown): unknown {
  const isBase64 = typeof value === 'string' && value.length % 4 === 0 && /^[A-Za-z0-9+/]{4,}={0,2}$/.test(value)
  return isBase64 ? `${value} ${Buffer.from(value, 'base64').toString('latin1')}` : value
}

export interface Collector {
  readonly url: string
  /** What came, paths included. */
  readonly text: () => string
  close: () => Promise<void>
}

/** An OpenTelemetry collector that keeps what it gets. */
export async function startCollector (): Promise<Collector> {
  let text = ''
  const server = createServer((request, response) => {
    text += `${request.url}\n`
    request.setEncoding('latin1').on('data', piece => { text += piece as string }).on('end', () => { response.writeHead(200, { 'content-type': 'application/json' }).end('{}') })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    text: () => text,
    async close () {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }
}
