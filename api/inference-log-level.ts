import type { LogLevel } from 'fastify'

/** Each request for a model is a row of usage; two log lines beside it cost as much as the rest of the route, and are written only where somebody looks for a fault. */
export function inferenceLogLevel (level: string): LogLevel {
  return level === 'debug' || level === 'trace' ? level : 'warn'
}
