import { resolve } from 'node:path'
import { isAddressRange } from './control/address-check.ts'
import { parseDuration } from './domain/duration.ts'
import type { OutboundPolicy } from './outbound/outbound-policy.ts'
import { strictPolicy } from './outbound/outbound-policy.ts'

/** Everything a process of Sira reads from its environment; nothing else touches process.env. Documented in docs/configuration.md. */
export interface Config {
  readonly databaseUrl: string
  readonly temporalAddress: string
  readonly temporalNamespace: string
  /** Temporal's API key, as Temporal Cloud has them; null = none. It implies TLS. */
  readonly temporalApiKey: string | null
  readonly temporalTls: boolean
  /** Base URL of the Temporal UI, for `temporal_ui_url`; null = not shown. */
  readonly temporalUiUrl: string | null
  readonly taskQueue: string
  readonly s3: { readonly endpoint: string, readonly accessKey: string, readonly secretKey: string, readonly bucket: string, readonly region: string }
  /** Path of the YAML file with providers and models; null = the simulator below. */
  readonly configFile: string | null
  /** Base URL of the provider simulator, used only when configFile is null. */
  readonly simulatorUrl: string
  readonly api: {
    readonly host: string
    readonly port: number
    /** Processes that share the port. */
    readonly processes: number
    /** Bytes of a JSON body. */
    readonly bodyLimit: number
    /** Bytes of one uploaded file. */
    readonly fileLimit: number
    /** ms to receive a whole request that is not an upload. */
    readonly requestTimeout: number
    /** ms between readiness going down and the listener closing. */
    readonly drainDelay: number
    readonly adminKey: string | null
    /** Addresses and CIDR ranges whose X-Forwarded-For is believed. */
    readonly trustedProxies: readonly string[]
  }
  readonly control: {
    /** `name:base64[,older:base64…]` for lib/crypto/seal.ts; null = no credential can be stored. */
    readonly encryptionKeys: string | null
    /** ms that known keys and the last configuration stay good while Postgres is away. */
    readonly outageGrace: number
    /** Whether providers set through the API may be reached by http: as well. */
    readonly allowHttpProviders: boolean
  }
  readonly usage: {
    /** Of the usage journal; on a local disk. */
    readonly directory: string
    /** Days that rows of usage are kept. */
    readonly retentionDays: number
  }
  readonly batch: {
    readonly maxRows: number
    /** Bytes of one input file. */
    readonly maxFileBytes: number
    /** Bytes of one input line. */
    readonly maxLineBytes: number
    /** Chunk activities one batch keeps open. */
    readonly openChunks: number
    /** Attempts of one row at errors that are not rate limits. */
    readonly maxAttempts: number
    /** ms that calls in flight may take to finish after a cancel or the end of the window. */
    readonly grace: number
    /** ms, total deadline of one provider call. */
    readonly callTimeout: number
    /** Bytes of one provider answer. */
    readonly maxAnswerBytes: number
  }
  readonly webhooks: {
    /** ms before each round of attempts; the first is that before the first attempt. */
    readonly schedule: readonly number[]
    /** ms, total deadline of one attempt. */
    readonly timeout: number
    /** ms of nothing but failure after which an endpoint is disabled. */
    readonly disableAfter: number
    /** What of the network the URLs of endpoints may reach. */
    readonly outbound: OutboundPolicy
  }
  readonly worker: {
    /** Chunk activities one process works on at once. */
    readonly maxChunks: number
    /** ms given to running activities on SIGTERM. */
    readonly shutdownGrace: number
    /** Where the bundled workflow code is kept between starts; null = bundled anew at each start (about 1 s). */
    readonly bundleFile: string | null
  }
  /** Base URL of an OpenTelemetry collector (OTLP over HTTP); null = nothing is sent. */
  readonly otlpEndpoint: string | null
  readonly logLevel: string
}

type Environment = Readonly<Record<string, string | undefined>>

/** Reads and checks the environment. Throws one Error that lists every variable at fault. */
export function loadConfig (environment: Environment = process.env): Config {
  const faults: string[] = []
  const text = (name: string, fallback: string): string => environment[name]?.trim() || fallback
  const optional = (name: string): string | null => environment[name]?.trim() || null
  const integer = (name: string, fallback: number, least: number, most: number): number => {
    const value = environment[name]?.trim()
    if (!value) return fallback
    const number = Number(value)
    if (Number.isInteger(number) && number >= least && number <= most) return number
    faults.push(`${name}=${value}: a whole number from ${least} to ${most} is needed`)
    return fallback
  }
  const flag = (name: string): boolean => {
    const value = text(name, 'false')
    if (value !== 'true' && value !== 'false') faults.push(`${name}=${value}: true or false is needed`)
    return value === 'true'
  }
  const url = (name: string, fallback: string, protocols: readonly string[]): string => {
    const value = text(name, fallback)
    if (URL.canParse(value) && protocols.includes(new URL(value).protocol)) return value
    faults.push(`${name}: a URL starting with ${protocols.map(protocol => `${protocol}//`).join(' or ')} is needed`)
    return fallback
  }
  const duration = (name: string, fallback: string): number => {
    const value = parseDuration(text(name, fallback))
    if (value === null) faults.push(`${name}: a duration such as 90s, 5m or 5d is needed, up to 30d`)
    return value ?? parseDuration(fallback)!
  }
  const durations = (name: string, fallback: string): number[] => {
    const values = text(name, fallback).split(',').map(parseDuration)
    if (values.length <= 100 && values.every(value => value !== null)) return values
    faults.push(`${name}: up to 100 durations such as 0s,5s,5m are needed`)
    return []
  }
  const list = (name: string, fallback: string): string[] => text(name, fallback).split(',').map(entry => entry.trim()).filter(entry => entry !== '')
  const ports = (name: string, fallback: readonly number[]): readonly number[] | 'any' => {
    const entries = list(name, fallback.join())
    if (entries.join() === 'any') return 'any'
    const numbers = entries.map(Number)
    if (numbers.length > 0 && entries.every(entry => /^\d{1,5}$/.test(entry)) && numbers.every(port => port >= 1 && port <= 65_535)) return numbers
    faults.push(`${name}=${entries.join()}: any, or port numbers from 1 to 65535 with commas between them, are needed`)
    return fallback
  }
  const networks = (name: string): string[] => {
    const entries = list(name, '')
    for (const entry of entries.filter(entry => !isAddressRange(entry))) faults.push(`${name}: ${entry} is no address and no CIDR range`)
    return entries
  }
  const http = ['http:', 'https:']
  const configFile = optional('SIRA_CONFIG')
  const config: Config = {
    databaseUrl: url('DATABASE_URL', 'postgresql://postgres@127.0.0.1:5432/sira', ['postgresql:', 'postgres:']),
    temporalAddress: text('TEMPORAL_ADDRESS', '127.0.0.1:7233'),
    temporalNamespace: text('TEMPORAL_NAMESPACE', 'default'),
    temporalApiKey: optional('TEMPORAL_API_KEY'),
    temporalTls: flag('TEMPORAL_TLS') || optional('TEMPORAL_API_KEY') !== null,
    temporalUiUrl: optional('TEMPORAL_UI_URL'),
    taskQueue: text('SIRA_TASK_QUEUE', 'sira'),
    s3: {
      endpoint: url('S3_ENDPOINT', 'http://127.0.0.1:9000', http),
      accessKey: text('S3_ACCESS_KEY', 'sira'),
      secretKey: text('S3_SECRET_KEY', 'sira'),
      bucket: text('S3_BUCKET', 'sira'),
      region: text('S3_REGION', 'us-east-1')
    },
    configFile: configFile === null ? null : resolve(configFile),
    simulatorUrl: url('SIRA_SIMULATOR_URL', 'http://127.0.0.1:4010', http),
    api: {
      host: text('HOST', '127.0.0.1'),
      port: integer('PORT', 8080, 0, 65535),
      processes: integer('SIRA_API_PROCESSES', 1, 1, 256),
      bodyLimit: integer('SIRA_BODY_LIMIT_BYTES', 32 * 1024 * 1024, 1024, 1024 ** 3),
      fileLimit: integer('SIRA_FILE_LIMIT_BYTES', 512 * 1024 * 1024, 1024, 8 * 1024 ** 3),
      requestTimeout: integer('SIRA_REQUEST_TIMEOUT_MS', 60_000, 100, 3_600_000),
      drainDelay: integer('SIRA_DRAIN_DELAY_MS', 0, 0, 600_000),
      adminKey: optional('SIRA_ADMIN_KEY'),
      trustedProxies: list('SIRA_TRUSTED_PROXIES', '')
    },
    control: {
      encryptionKeys: optional('SIRA_ENCRYPTION_KEYS'),
      outageGrace: integer('SIRA_OUTAGE_GRACE_MS', 300_000, 0, 86_400_000),
      allowHttpProviders: flag('SIRA_ALLOW_HTTP_PROVIDERS')
    },
    usage: {
      directory: text('SIRA_JOURNAL_DIR', '.sira/journal'),
      retentionDays: integer('SIRA_USAGE_RETENTION_DAYS', 400, 1, 36_500)
    },
    batch: {
      maxRows: integer('SIRA_BATCH_MAX_ROWS', 50_000, 1, 10_000_000),
      maxFileBytes: integer('SIRA_BATCH_MAX_FILE_BYTES', 200 * 1024 * 1024, 1024, 8 * 1024 ** 3),
      maxLineBytes: integer('SIRA_BATCH_MAX_LINE_BYTES', 4 * 1024 * 1024, 1024, 64 * 1024 * 1024),
      openChunks: integer('SIRA_BATCH_OPEN_CHUNKS', 4, 1, 32),
      maxAttempts: integer('SIRA_BATCH_MAX_ATTEMPTS', 8, 1, 100),
      grace: integer('SIRA_BATCH_GRACE_MS', 10_000, 0, 600_000),
      callTimeout: integer('SIRA_CALL_TIMEOUT_MS', 600_000, 100, 3_600_000),
      maxAnswerBytes: integer('SIRA_MAX_ANSWER_BYTES', 16 * 1024 * 1024, 1024, 256 * 1024 * 1024)
    },
    webhooks: {
      schedule: durations('SIRA_WEBHOOK_SCHEDULE', '0s,5s,5m,30m,2h,5h,10h,14h,20h,24h'),
      timeout: integer('SIRA_WEBHOOK_TIMEOUT_MS', 20_000, 100, 60_000),
      disableAfter: duration('SIRA_WEBHOOK_DISABLE_AFTER', '5d'),
      outbound: {
        allowHttp: flag('SIRA_WEBHOOK_ALLOW_HTTP'),
        ports: ports('SIRA_WEBHOOK_ALLOW_PORTS', strictPolicy.ports),
        allowedNetworks: networks('SIRA_WEBHOOK_ALLOW_NETWORKS'),
        denyOwnAddresses: strictPolicy.denyOwnAddresses
      }
    },
    worker: {
      maxChunks: integer('SIRA_WORKER_MAX_CHUNKS', 100, 1, 2000),
      shutdownGrace: integer('SIRA_SHUTDOWN_GRACE_MS', 20_000, 0, 600_000),
      bundleFile: optional('SIRA_WORKFLOW_BUNDLE')
    },
    otlpEndpoint: optional('OTEL_EXPORTER_OTLP_ENDPOINT') === null ? null : url('OTEL_EXPORTER_OTLP_ENDPOINT', '', http),
    logLevel: text('LOG_LEVEL', 'info')
  }
  if (faults.length > 0) throw new Error(`Configuration:\n  ${faults.join('\n  ')}`)
  return config
}
