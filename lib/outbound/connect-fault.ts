/** Why no connection came about, by the step that failed. `message` is for the one who gave the URL: no internals in it. */
export class ConnectFault extends Error {
  readonly errorClass: 'dns' | 'ssrf_blocked' | 'connect' | 'tls'

  constructor (errorClass: ConnectFault['errorClass'], message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ConnectFault'
    this.errorClass = errorClass
  }
}

const failures = {
  dns: 'The name of the host could not be resolved',
  connect: 'The connection could not be opened',
  tls: 'TLS could not be agreed on, or the certificate is not good for this host'
} as const

/** The fault of a step that ended in this error; undefined = its time was over. */
export function stepFault (step: keyof typeof failures, error: unknown): ConnectFault {
  const detail = error === undefined ? 'no answer in time' : codeOf(error)
  return new ConnectFault(step, `${failures[step]}${detail === null ? '' : ` (${detail})`}.`, error)
}

export function blockedFault (): ConnectFault {
  return new ConnectFault('ssrf_blocked', 'The URL leads to an address, port or scheme that may not be called.')
}

/** The error's code, such as ECONNREFUSED or CERT_HAS_EXPIRED: unlike messages, these hold no address. */
function codeOf (error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && /^[A-Z0-9_]{1,64}$/.test(error.code) ? error.code : null
}
