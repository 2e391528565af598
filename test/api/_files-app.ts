import type { AddressInfo } from 'node:net'
import type { ExecutionContext } from 'ava'
import Fastify from 'fastify'
import OpenAI from 'openai'
import type { Pool } from 'pg'
import type { Dependencies } from '../../api/dependencies.ts'
import { createAuthenticate, requireKey } from '../../api/plugins/authentication.ts'
import { installErrors } from '../../api/plugins/errors.ts'
import { compileValidator } from '../../api/plugins/validation.ts'
import files from '../../api/routes/openai/files.ts'
import uploads from '../../api/routes/openai/uploads.ts'
import { createPrisma } from '../../lib/store/database.ts'
import type { ObjectStore } from '../../lib/store/object-store.ts'
import { createObjectStore } from '../../lib/store/s3.ts'
import { bucketContents } from '../lib/store/_store.ts'
import { testConfig } from '../support/config.ts'
import { openTestPool, silentLog } from '../support/pool.ts'
import { createTestTenant } from '../support/tenant.ts'

export interface FilesApp {
  /** Ends in /v1. */
  readonly url: string
  readonly key: string
  readonly pool: Pool
  readonly objects: ObjectStore
  /** OpenAI's own client, with retries off so that an unexpected failure shows. */
  readonly openai: OpenAI
  readonly otherTenant: OpenAI
  readonly contents: () => ReturnType<typeof bucketContents>
}

/** The routes of files and uploads over a database and a bucket of the test's own, listening. */
export async function openFilesApp (t: ExecutionContext, { variables = {}, wrap = objects => objects }: {
  variables?: Readonly<Record<string, string>>
  wrap?: (objects: ObjectStore) => ObjectStore
} = {}): Promise<FilesApp> {
  const { pool, url: databaseUrl } = await openTestPool(t)
  const config = testConfig({ DATABASE_URL: databaseUrl, ...variables })
  const prisma = createPrisma(databaseUrl)
  const objects = wrap(createObjectStore(config.s3))
  await objects.prepare()
  const app = Fastify({ bodyLimit: config.api.bodyLimit, requestTimeout: 0 })
  app.decorate('dependencies', { config, pool, prisma, objects, log: silentLog } as unknown as Dependencies)
  app.setValidatorCompiler(compileValidator)
  installErrors(app)
  await app.register(async scope => {
    requireKey(scope, createAuthenticate(pool))
    await scope.register(files)
    await scope.register(uploads)
  }, { prefix: '/v1' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => {
    app.server.closeAllConnections()
    await app.close()
    await prisma.$disconnect()
  })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/v1`
  const connect = (apiKey: string): OpenAI => new OpenAI({ apiKey, baseURL: url, maxRetries: 0 })
  const { key } = await createTestTenant(pool)
  const other = await createTestTenant(pool)
  return { url, key, pool, objects, openai: connect(key), otherTenant: connect(other.key), contents: async () => await bucketContents(config.s3) }
}

/** A multipart body by hand, for what no client would send. */
export function form (boundary: string, ...parts: ReadonlyArray<readonly [disposition: string, content: string]>): string {
  return parts.map(([disposition, content]) => `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${content}\r\n`).join('') + `--${boundary}--\r\n`
}

export async function postForm (app: FilesApp, path: string, body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Promise<{ status: number, body: Record<string, unknown> }> {
  const response = await fetch(app.url + path, {
    method: 'POST', body, headers: { authorization: `Bearer ${app.key}`, 'content-type': 'multipart/form-data; boundary=b', ...headers }
  })
  return { status: response.status, body: await response.json() as Record<string, unknown> }
}
