import { pino, stdSerializers, type Logger } from 'pino'

export type { Logger }

/** Keys of ours, and what any client sends as its own. A library's debug line may hold headers anywhere; this is what no path foresees. */
const keys = /\bsira_[0-9A-Za-z]{38}\b|\bBearer\s+[^\s"'\\,;<>]+/g

/** JSON lines on stdout. Headers and fields that can hold a secret are removed before a line is written, and so is everything in it that looks like a caller's key. */
export function createLogger (level: string, name: string): Logger {
  return pino({
    level,
    name,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: serializeError },
    hooks: { streamWrite: line => line.replace(keys, '[redacted]') },
    redact: { paths: ['req.headers.authorization', 'req.headers["x-api-key"]', 'req.headers.cookie', 'headers.authorization', 'headers["x-api-key"]', '*.secret', '*.apiKey', '*.secretKey', '*.key', '*.databaseUrl'], censor: '[redacted]' }
  })
}

/** Without `client`, which pg adds to the error of a lost connection: 4 kB of its insides. */
function serializeError (error: Error): object {
  const { client: _, ...shown } = stdSerializers.err(error)
  return shown
}
