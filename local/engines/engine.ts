import type { Process } from '../launch.ts'

/** A running engine. `stop` resolves when the process is gone; a second call does no harm. */
export type Engine = Process

export interface EngineOptions {
  /** Everything the engine keeps; created where it is missing. */
  readonly dataDir: string
  /** 0 or absent = a free one. */
  readonly port?: number
  /** Appended to. */
  readonly logFile: string
  /** Told about steps that take long; default: standard error. */
  readonly say?: (message: string) => void
}
