import { randomUUID } from 'node:crypto'
import type { Config } from '../../lib/config.ts'
import { engineVariable } from './engines.ts'

/** The test's S3 server with the name of a bucket nobody else uses; the bucket itself is created by `prepare()` of the object store. */
export function testS3 (): Config['s3'] {
  return {
    endpoint: engineVariable('S3_ENDPOINT'),
    accessKey: engineVariable('S3_ACCESS_KEY'),
    secretKey: engineVariable('S3_SECRET_KEY'),
    bucket: `test-${randomUUID()}`,
    region: 'us-east-1'
  }
}
