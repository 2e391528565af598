import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { Pool } from 'undici'

export interface LoopRequest { readonly input: string, readonly output: string }

/*
 * What Sira is compared with: the fastest program that makes the same calls and keeps nothing but the output file. It
 * stays up between runs, so that it is as warm as the worker. Arguments: origin, most calls in flight.
 */
const [origin = '', inFlight = ''] = process.argv.slice(2)
const headers = ['content-type', 'application/json', 'accept', 'application/json']
// as in lib/providers/openai-compatible.ts
const pool = new Pool(origin, {
  connections: Number(inFlight), pipelining: 1, connect: { timeout: 10_000 }, keepAliveTimeout: 4000, keepAliveMaxTimeout: 60_000, headersTimeout: 0, bodyTimeout: 0
})

async function run ({ input, output }: LoopRequest): Promise<void> {
  const lines = (await readFile(input, 'utf8')).trimEnd().split('\n')
  const file = createWriteStream(output)
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < lines.length) {
      const { custom_id: customId, url: path, body } = JSON.parse(lines[next++]!) as { custom_id: string, url: string, body: object }
      const answer = await pool.request({ path, method: 'POST', headers, body: JSON.stringify(body) })
      if (answer.statusCode !== 200) throw new Error(`${customId}: ${answer.statusCode}`)
      const text = await answer.body.text()
      file.write(`{"custom_id":${JSON.stringify(customId)},"response":{"status_code":200,"request_id":"${String(answer.headers['x-request-id'])}","body":${text}},"error":null}\n`)
    }
  }
  await Promise.all(Array.from({ length: Number(inFlight) }, lane))
  file.end()
  await finished(file)
}

process.on('message', request => {
  run(request as LoopRequest).then(() => process.send?.('done'), error => {
    console.error(error)
    process.exit(1)
  })
})
process.once('disconnect', () => process.exit())
