import { join } from 'node:path'
import { freePort, isFree } from './engines/ports.ts'
import { startPostgres } from './engines/postgres.ts'
import { startS3 } from './engines/s3.ts'
import { startTemporal } from './engines/temporal.ts'
import { startService } from './services.ts'
import type { StackFile } from './stack-file.ts'
import type { SupervisedOptions } from './supervise.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface EngineContext {
  readonly dataDir: string
  readonly environment: Environment
  /** What ran here last; its ports are taken again where they are free, so that bookmarks stay good. */
  readonly previous: StackFile | null
  readonly supervised: (name: string, start: SupervisedOptions['start']) => Promise<void>
  readonly logFile: (name: string) => string
  readonly say: (message: string) => void
}

type Described = 'databaseUrl' | 'temporalAddress' | 'temporalUiUrl' | 's3Endpoint' | 's3AccessKey' | 's3SecretKey' | 's3Bucket' | 'simulatorUrl'
export type EngineDescription = Pick<StackFile, Described>

/** Starts what the environment does not name. Each keeps its port for as long as the stack runs, however often it is restarted. */
export async function startEngines (context: EngineContext): Promise<EngineDescription> {
  const parts = await Promise.allSettled([database(context), temporal(context), s3(context), simulator(context)] as const)
  const failed = parts.find(part => part.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return Object.assign({}, ...parts.map(part => part.status === 'fulfilled' ? part.value : {})) as EngineDescription
}

/** The variables that tell a process of Sira about these engines. */
export function engineEnvironment (engines: EngineDescription): Record<string, string> {
  return {
    DATABASE_URL: engines.databaseUrl,
    TEMPORAL_ADDRESS: engines.temporalAddress,
    ...(engines.temporalUiUrl !== null && { TEMPORAL_UI_URL: engines.temporalUiUrl }),
    S3_ENDPOINT: engines.s3Endpoint,
    S3_ACCESS_KEY: engines.s3AccessKey,
    S3_SECRET_KEY: engines.s3SecretKey,
    S3_BUCKET: engines.s3Bucket,
    SIRA_SIMULATOR_URL: engines.simulatorUrl
  }
}

async function database (context: EngineContext): Promise<Pick<EngineDescription, 'databaseUrl'>> {
  const own = context.environment.DATABASE_URL
  if (own) return { databaseUrl: own }
  const port = await keepPort(context.previous?.databaseUrl)
  let databaseUrl = ''
  await context.supervised('postgres', async () => {
    const engine = await startPostgres({ dataDir: join(context.dataDir, 'postgres'), port, logFile: context.logFile('postgres'), say: context.say })
    databaseUrl = engine.url
    return engine
  })
  return { databaseUrl }
}

async function temporal (context: EngineContext): Promise<Pick<EngineDescription, 'temporalAddress' | 'temporalUiUrl'>> {
  const own = context.environment.TEMPORAL_ADDRESS
  if (own) return { temporalAddress: own, temporalUiUrl: context.environment.TEMPORAL_UI_URL || null }
  const port = await keepPort(context.previous === null ? undefined : `tcp://${context.previous.temporalAddress}`)
  const uiPort = await keepPort(context.previous?.temporalUiUrl)
  await context.supervised('temporal', async () =>
    startTemporal({ dataDir: join(context.dataDir, 'temporal'), port, uiPort, logFile: context.logFile('temporal'), say: context.say }))
  return { temporalAddress: `127.0.0.1:${port}`, temporalUiUrl: `http://127.0.0.1:${uiPort}` }
}

async function s3 (context: EngineContext): Promise<Pick<EngineDescription, 's3Endpoint' | 's3AccessKey' | 's3SecretKey' | 's3Bucket'>> {
  const { S3_ENDPOINT: own, S3_ACCESS_KEY: accessKey = '', S3_SECRET_KEY: secretKey = '', S3_BUCKET: bucket } = context.environment
  const s3Bucket = bucket || 'sira'
  if (own) return { s3Endpoint: own, s3AccessKey: accessKey, s3SecretKey: secretKey, s3Bucket }
  const port = await keepPort(context.previous?.s3Endpoint)
  let keys = { s3AccessKey: '', s3SecretKey: '' }
  await context.supervised('s3', async () => {
    const engine = await startS3({ dataDir: join(context.dataDir, 's3'), port, logFile: context.logFile('s3'), say: context.say })
    keys = { s3AccessKey: engine.accessKey, s3SecretKey: engine.secretKey }
    return engine
  })
  return { s3Endpoint: `http://127.0.0.1:${port}`, ...keys, s3Bucket }
}

async function simulator (context: EngineContext): Promise<Pick<EngineDescription, 'simulatorUrl'>> {
  const own = context.environment.SIRA_SIMULATOR_URL
  if (own) return { simulatorUrl: own }
  const port = await keepPort(context.previous?.simulatorUrl)
  await context.supervised('simulator', async launched => startService({
    name: 'simulator',
    program: 'local/simulator/server.ts',
    env: { ...context.environment, HOST: '127.0.0.1', PORT: String(port) },
    logFile: context.logFile('simulator'),
    isReady: async log => log.includes('"simulator"'),
    stopDeadline: 5000
  }, launched))
  return { simulatorUrl: `http://127.0.0.1:${port}` }
}

async function keepPort (url: string | null | undefined): Promise<number> {
  const port = url ? Number(new URL(url).port) : 0
  return port > 0 && await isFree(port) ? port : await freePort()
}
