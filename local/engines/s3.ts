import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { acquire, type Binary } from './acquire.ts'
import { launch, waitUntilReady } from '../launch.ts'
import type { Engine, EngineOptions } from './engine.ts'
import { freePort } from './ports.ts'
import { keptSecret } from './secret.ts'

export interface S3Engine extends Engine {
  readonly endpoint: string
  readonly port: number
  readonly accessKey: string
  readonly secretKey: string
}

export const s3Binary: Binary = {
  name: 'versitygw',
  version: '1.8.0',
  module: join(import.meta.dirname, 'versitygw'),
  package: 'github.com/versity/versitygw/cmd/versitygw',
  usualTime: 'about a minute',
  variable: 'S3_ENDPOINT'
}

/** Starts an S3 server on 127.0.0.1 that keeps each bucket as a folder and each object as a file. */
export async function startS3 (options: EngineOptions): Promise<S3Engine> {
  const command = await acquire(s3Binary, options.say)
  const objects = join(options.dataDir, 'objects')
  mkdirSync(objects, { recursive: true, mode: 0o700 })
  const accessKey = 'sira'
  const secretKey = keptSecret(join(options.dataDir, 'secret-key'))
  const port = options.port || await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  const engine = await launch({
    name: 'versitygw',
    command,
    args: ['--port', `127.0.0.1:${port}`, 'posix', objects],
    logFile: options.logFile,
    env: { ...process.env, ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey }
  })
  await waitUntilReady(engine, async () => answers(endpoint))
  return { pid: engine.pid, exited: engine.exited, stop: engine.stop, endpoint, port, accessKey, secretKey }
}

/** Any HTTP answer will do: without a signature it is 403. */
async function answers (endpoint: string): Promise<boolean> {
  try {
    const response = await fetch(endpoint, { signal: AbortSignal.timeout(2000) })
    await response.body?.cancel()
    return true
  } catch {
    return false
  }
}
