import { SiraError } from '../../errors.ts'
import type { VendorKind } from '../vendors.ts'
import { ignored, renamed, unsupported } from './rule.ts'
import type { Rule } from './rule.ts'

type Body = Readonly<Record<string, unknown>>

/**
 * What differs from OpenAI's own embeddings, by the vendors' API references; what is not named is sent as it is, to Gemini translated by
 * its adapter. A server that answers lists where base64 was asked for is put right in its answer (encode-vectors.ts).
 */
const rules: Readonly<Partial<Record<VendorKind, Readonly<Record<string, Rule>>>>> = {
  ollama: { user: ignored },
  together: { dimensions: unsupported('the length of its vectors cannot be chosen.'), user: ignored },
  // it refuses fields that it does not know
  mistral: { dimensions: renamed('output_dimension'), user: ignored },
  gemini: { user: ignored }
}

/**
 * A request for embeddings with the parameters that a target takes; the object that was given, where nothing has to change. What the
 * target cannot do is refused with SiraError `unsupported_parameter`, or left out and named, whichever `otherwise` says.
 */
export function fitEmbeddings (kind: VendorKind, body: Body, otherwise: 'refuse' | 'drop'): { readonly body: Body, readonly dropped: readonly string[] } {
  const own = rules[kind]
  if (own === undefined) return { body, dropped: [] }
  const fitted: Record<string, unknown> = { ...body }
  const dropped: string[] = []
  let changed = false
  for (const [name, { support, as, note = '' }] of Object.entries(own)) {
    const value = body[name]
    if (value === undefined) continue
    changed = true
    delete fitted[name]
    if (value === null) continue
    if (support === 'renamed') fitted[as!] ??= value
    if (support !== 'unsupported') continue
    if (otherwise === 'refuse') throw new SiraError('unsupported_parameter', { model: String(body.model), param: name, reason: note })
    dropped.push(name)
  }
  return { body: changed ? fitted : body, dropped }
}
