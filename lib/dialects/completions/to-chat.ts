import type { ChatRequest } from '../../contracts/chat.ts'
import { missing, readText, unsupported, type Fields } from '../faults.ts'

const shared = [
  'stream', 'stream_options', 'temperature', 'top_p', 'top_k', 'min_p', 'top_a', 'repetition_penalty', 'n', 'stop', 'seed', 'presence_penalty', 'frequency_penalty', 'logit_bias', 'user'
] as const

/** A body of POST /v1/completions with one text as its prompt, for a provider that only speaks chat. Throws SiraError `unsupported_parameter` for what a chat cannot give. */
export function completionsToChat (body: Fields): ChatRequest {
  const model = readText(body.model, 'model')
  if (body.prompt === undefined || body.prompt === null) throw missing('prompt')
  const prompt = Array.isArray(body.prompt) && body.prompt.length === 1 ? body.prompt[0] as unknown : body.prompt
  if (typeof prompt !== 'string') throw unsupported(model, 'prompt', 'it answers one text at a time; several prompts and tokens are not possible.')
  if (body.echo === true) throw unsupported(model, 'echo', 'its answers come without the prompt.')
  if (typeof body.suffix === 'string' && body.suffix !== '') throw unsupported(model, 'suffix', 'it cannot insert text.')
  if (typeof body.best_of === 'number' && body.best_of > (typeof body.n === 'number' ? body.n : 1)) throw unsupported(model, 'best_of', 'it does not choose among answers.')
  if (body.logprobs !== undefined && body.logprobs !== null) throw unsupported(model, 'logprobs', 'a chat tells them in another form.')
  const chat: Record<string, unknown> = {}
  for (const field of shared) if (body[field] !== undefined && body[field] !== null) chat[field] = body[field]
  if (body.max_tokens !== undefined && body.max_tokens !== null) chat.max_completion_tokens = body.max_tokens
  return { model, messages: [{ role: 'user', content: prompt }], ...chat }
}
