import type { Endpoint } from './types.ts'

/** How a vendor's API differs from OpenAI's; a row per vendor, so that adding one is adding a row. */
export interface Vendor {
  readonly dialect: 'openai' | 'anthropic' | 'gemini'
  /** For a configuration that names none; null = it has to. */
  readonly baseUrl: string | null
  readonly auth: 'bearer' | 'x-api-key' | 'api-key' | 'x-goog-api-key'
  /** The OpenAI endpoints it serves. */
  readonly endpoints: readonly Endpoint[]
  /** Whether it takes stream_options: { include_usage: true }; Mistral tells usage in its last chunk without being asked and refuses the field. */
  readonly streamOptions: boolean
  /** Whether the content of its answers may be a list of parts, thoughts among them. */
  readonly contentParts: boolean
}

const all: readonly Endpoint[] = ['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/embeddings', '/v1/moderations']
const chatAndEmbeddings: readonly Endpoint[] = ['/v1/chat/completions', '/v1/completions', '/v1/embeddings']
const bearer = { dialect: 'openai', auth: 'bearer', streamOptions: true, contentParts: false } as const

export const vendors = {
  openai: { ...bearer, baseUrl: null, endpoints: all },
  azure: { ...bearer, baseUrl: null, auth: 'api-key', endpoints: ['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/embeddings'] },
  vllm: { ...bearer, baseUrl: null, endpoints: chatAndEmbeddings },
  ollama: { ...bearer, baseUrl: 'http://127.0.0.1:11434/v1', endpoints: chatAndEmbeddings },
  groq: { ...bearer, baseUrl: 'https://api.groq.com/openai/v1', endpoints: ['/v1/chat/completions'] },
  together: { ...bearer, baseUrl: 'https://api.together.xyz/v1', endpoints: chatAndEmbeddings },
  deepseek: { ...bearer, baseUrl: 'https://api.deepseek.com/v1', endpoints: ['/v1/chat/completions'] },
  mistral: { ...bearer, baseUrl: 'https://api.mistral.ai/v1', endpoints: ['/v1/chat/completions', '/v1/embeddings', '/v1/moderations'], streamOptions: false, contentParts: true },
  openrouter: { ...bearer, baseUrl: 'https://openrouter.ai/api/v1', endpoints: ['/v1/chat/completions', '/v1/completions', '/v1/embeddings'] },
  anthropic: { dialect: 'anthropic', baseUrl: 'https://api.anthropic.com/v1', auth: 'x-api-key', endpoints: ['/v1/chat/completions', '/v1/messages'], streamOptions: false, contentParts: false },
  gemini: { dialect: 'gemini', baseUrl: 'https://generativelanguage.googleapis.com/v1beta', auth: 'x-goog-api-key', endpoints: ['/v1/chat/completions', '/v1/embeddings'], streamOptions: false, contentParts: false }
} as const satisfies Readonly<Record<string, Vendor>>

export type VendorKind = keyof typeof vendors
