import { randomUUID } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Config, loadConfig } from '../../lib/config.ts'
import { engineVariable } from './engines.ts'
import { testS3 } from './s3.ts'

/** The environment of a process under test: the test engines, a task queue and a bucket of its own, a free port, quiet. */
export function testEnvironment (overrides: Readonly<Record<string, string>> = {}): Record<string, string> {
  const s3 = testS3()
  return {
    DATABASE_URL: engineVariable('DATABASE_URL'),
    TEMPORAL_ADDRESS: engineVariable('TEMPORAL_ADDRESS'),
    TEMPORAL_UI_URL: engineVariable('TEMPORAL_UI_URL'),
    SIRA_TASK_QUEUE: `test-${randomUUID()}`,
    S3_ENDPOINT: s3.endpoint,
    S3_ACCESS_KEY: s3.accessKey,
    S3_SECRET_KEY: s3.secretKey,
    S3_BUCKET: s3.bucket,
    S3_REGION: s3.region,
    HOST: '127.0.0.1',
    PORT: '0',
    // unix sockets live in it, and their paths are short
    SIRA_JOURNAL_DIR: mkdtempSync(join(tmpdir(), 'sira-j-')),
    LOG_LEVEL: 'warn',
    ...overrides
  }
}

/** testEnvironment() as a Config. Overrides are variables, as in production: `testConfig({ DATABASE_URL: database.url })`. */
export function testConfig (overrides: Readonly<Record<string, string>> = {}): Config {
  return loadConfig(testEnvironment(overrides))
}
