import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { benchModel } from './stack.ts'

/** About what a short chat request with its custom_id takes. */
const usualLineBytes = 600

/** Writes a batch input file of chat requests, each line exactly `lineBytes` long. */
export async function writeInput (path: string, rows: number, lineBytes = usualLineBytes): Promise<void> {
  await pipeline(Readable.from(lines()), createWriteStream(path))

  function * lines (): Generator<string> {
    for (let first = 0; first < rows; first += 500) {
      yield Array.from({ length: Math.min(500, rows - first) }, (_, index) => line(first + index + 1, lineBytes)).join('')
    }
  }
}

function line (number: number, bytes: number): string {
  const write = (content: string): string => JSON.stringify({
    custom_id: `row-${number}`,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model: benchModel, messages: [{ role: 'user', content }], max_tokens: 100 }
  }) + '\n'
  const question = `Question ${number}: `
  return write(question + 'what of it? '.repeat(bytes / 12).slice(0, Math.max(0, bytes - write(question).length)))
}
