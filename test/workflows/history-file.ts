import { readFile, writeFile } from 'node:fs/promises'
import temporal from '@temporalio/proto'

const { History } = temporal.temporal.api.history.v1
type IHistory = temporal.temporal.api.history.v1.IHistory

// The SDK's own historyToJSON fails in 1.24 with the protobufjs that npm resolves ("type must be a Type"); protobufjs' plain object form keeps everything.
export async function writeHistory (file: URL, history: IHistory): Promise<void> {
  const plain = History.toObject(History.fromObject(history), { longs: String, bytes: String, enums: String })
  await writeFile(file, JSON.stringify(plain) + '\n')
}

export async function readHistory (file: URL): Promise<IHistory> {
  return History.fromObject(JSON.parse(await readFile(file, 'utf8')))
}
