import { Type } from '@fastify/type-provider-typebox'
import type { Static } from '@fastify/type-provider-typebox'
import type { FileRecord } from '../lib/store/files.ts'

/** Purposes that a caller may give; the others are ours to give. */
export const filePurposes = ['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals'] as const

/** OpenAI's File object. `status` is deprecated there but required. */
export const OpenAIFile = Type.Object({
  id: Type.String(),
  object: Type.Literal('file'),
  bytes: Type.Integer(),
  created_at: Type.Integer({ description: 'unix seconds' }),
  expires_at: Type.Optional(Type.Integer({ description: 'unix seconds' })),
  filename: Type.String(),
  purpose: Type.String(),
  status: Type.Literal('processed')
})

export function serializeOpenAIFile (file: FileRecord): Static<typeof OpenAIFile> {
  return {
    id: file.id,
    object: 'file',
    bytes: file.bytes,
    created_at: unixSeconds(file.createdAt),
    ...(file.expiresAt === null ? {} : { expires_at: unixSeconds(file.expiresAt) }),
    filename: file.filename,
    purpose: file.purpose,
    status: 'processed'
  }
}

export function unixSeconds (time: Date): number {
  return Math.floor(time.getTime() / 1000)
}
