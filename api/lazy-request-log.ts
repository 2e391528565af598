import type { FastifyBaseLogger } from 'fastify'
import { levels } from 'pino'

type ChildOptions = Parameters<FastifyBaseLogger['child']>[1]
type Method = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'

const ranks: Readonly<Record<string, number>> = { ...levels.values, silent: Infinity }

/**
 * Fastify makes a logger for every request, and most requests for a model write no line: to make one costs about 3 % of such a request
 * (by profile). This one is made when its first line is written. A class, so that a request has no closures to make.
 */
class LazyRequestLog {
  readonly #parent: FastifyBaseLogger
  readonly #bindings: object
  readonly #options: ChildOptions
  #made: FastifyBaseLogger | null = null

  constructor (parent: FastifyBaseLogger, bindings: object, options: ChildOptions) {
    this.#parent = parent
    this.#bindings = bindings
    this.#options = options
  }

  get level (): string { return this.#made?.level ?? this.#options?.level ?? this.#parent.level }
  set level (level: string) { this.#make().level = level }

  fatal (...line: [object, string?]): void { this.#write('fatal', line) }
  error (...line: [object, string?]): void { this.#write('error', line) }
  warn (...line: [object, string?]): void { this.#write('warn', line) }
  info (...line: [object, string?]): void { this.#write('info', line) }
  debug (...line: [object, string?]): void { this.#write('debug', line) }
  trace (...line: [object, string?]): void { this.#write('trace', line) }
  silent (): void {}

  child (bindings: object, options?: ChildOptions): FastifyBaseLogger { return this.#make().child(bindings, options) }

  #write (method: Method, line: [object, string?]): void {
    if (ranks[method]! >= (ranks[this.level] ?? 0)) this.#make()[method](...line)
  }

  #make (): FastifyBaseLogger {
    this.#made ??= this.#parent.child(this.#bindings, this.#options)
    return this.#made
  }
}

/** For Fastify's `childLoggerFactory`. */
export function createLazyRequestLog (parent: FastifyBaseLogger, bindings: object, options: ChildOptions): FastifyBaseLogger {
  return new LazyRequestLog(parent, bindings, options)
}
