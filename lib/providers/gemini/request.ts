import type { ChatRequest } from '../../contracts/chat.ts'
import { SiraError } from '../../errors.ts'
import { toContents } from './contents.ts'
import { toGenerationConfig } from './generation-config.ts'
import { unsupported } from './media.ts'
import { toTools } from './tools.ts'
import type { GenerateContentRequest } from './wire.ts'

/**
 * A chat completions request as Gemini's generateContent. Fields without a counterpart (logit_bias, user, metadata, store …) are left
 * out: what becomes of them is decided before, by the table of parameters. Throws a SiraError for what would be silently wrong.
 */
export function toGenerateContent (request: ChatRequest): GenerateContentRequest {
  const { model, messages } = request
  if (!Array.isArray(messages) || messages.length === 0) throw new SiraError('missing_parameter', { param: 'messages' })
  if (request.functions !== undefined) throw unsupported(model, 'functions', 'Use tools.')
  if (Array.isArray(request.modalities) && request.modalities.includes('audio')) throw unsupported(model, 'modalities', 'It answers in text.')
  const { system, contents } = toContents(messages as ChatRequest['messages'], model)
  const generationConfig = toGenerationConfig(request)
  const tier = request.service_tier
  return {
    ...(system.length > 0 && { systemInstruction: { parts: system } }),
    contents,
    ...toTools(request),
    ...(Object.keys(generationConfig).length > 0 && { generationConfig }),
    ...((tier === 'flex' || tier === 'priority') && { serviceTier: tier })
  }
}

/** The path after the base URL's. A name may already say its collection: `tunedModels/…`. */
export function generateContentPath (model: string, stream: boolean): string {
  return `${modelPath(model)}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`
}

export function modelPath (model: string): string {
  return '/' + (model.includes('/') ? model : `models/${model}`).split('/').map(encodeURIComponent).join('/')
}
