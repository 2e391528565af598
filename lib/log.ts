import { pino, type Logger } from 'pino'

export type { Logger }

/** JSON lines on stdout. Headers and fields that can hold a secret are removed before a line is written. */
export function createLogger (level: string, name: string): Logger {
  return pino({
    level,
    name,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: ['req.headers.authorization', 'req.headers["x-api-key"]', 'req.headers.cookie', 'headers.authorization', 'headers["x-api-key"]', '*.secret', '*.apiKey', '*.secretKey', '*.key', '*.databaseUrl'], censor: '[redacted]' }
  })
}
