import { isObject, objectsOf } from './wire.ts'

interface TokenLogprob {
  readonly token: string
  readonly logprob: number
  readonly bytes: readonly number[]
}

/** A candidate's logprobsResult as OpenAI's logprobs; null when it has none. */
export function readLogprobs (result: unknown): { readonly content: ReadonlyArray<TokenLogprob & { readonly top_logprobs: readonly TokenLogprob[] }>, readonly refusal: null } | null {
  if (!isObject(result)) return null
  const top = objectsOf(result.topCandidates)
  return {
    content: objectsOf(result.chosenCandidates).map((chosen, index) => ({
      ...readToken(chosen),
      top_logprobs: objectsOf(top[index]?.candidates).map(readToken)
    })),
    refusal: null
  }
}

function readToken ({ token, logProbability }: Record<string, unknown>): TokenLogprob {
  const text = typeof token === 'string' ? token : ''
  return { token: text, logprob: typeof logProbability === 'number' ? logProbability : 0, bytes: [...Buffer.from(text)] }
}
