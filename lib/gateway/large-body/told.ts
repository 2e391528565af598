import { SiraError, type ErrorCode, type ErrorParams } from '../../errors.ts'

/** What a function of a thread gives. Errors as data: an exception would lose its code on the way. */
export type Told<Result> =
  | { readonly ok: Result, /** Memory in the result, which is handed over instead of copied. */ readonly moved?: readonly ArrayBuffer[] }
  | { readonly error: { readonly code: ErrorCode, readonly params: ErrorParams, readonly param: string | null, readonly retryAfter: number | null } }

/** In a thread: the result of `work`, or its SiraError as data. `bytesOf` tells the bytes in a result. */
export async function told<Result> (work: () => Result | Promise<Result>, bytesOf: (result: Result) => ReadonlyArray<Uint8Array<ArrayBuffer>> = () => []): Promise<Told<Result>> {
  try {
    const result = await work()
    return { ok: result, moved: bytesOf(result).map(({ buffer }) => buffer) }
  } catch (error) {
    if (!(error instanceof SiraError)) throw error
    return { error: { code: error.code, params: error.params, param: error.param, retryAfter: error.retryAfter ?? null } }
  }
}

/** The result, or the SiraError thrown. */
export function untold<Result> (told: Told<Result>): Result {
  if ('ok' in told) return told.ok
  const { code, params, param, retryAfter } = told.error
  throw new SiraError(code, params, { ...(param === null ? {} : { param }), ...(retryAfter === null ? {} : { retryAfter }) })
}
