import { newId } from '../../ids.ts'

/**
 * Gemini from 3 on refuses a history whose function calls lost their thought signature (litellm #16893), and OpenAI's clients
 * drop fields they do not know, such as the extra_content it travels in. What every client keeps is the call's id, so the
 * signature is also in there: `<id>__sig_<signature as base64url>`. That makes ids long (signatures have some hundred bytes,
 * with much thinking some thousand) but needs no store, and any process can read it. Only letters, digits, - and _ are added.
 */
const marker = '__sig_'

const base64 = /^[A-Za-z0-9+/_-]+={0,2}$/

/** The id a client gets. A signature that is not base64 stays out of it. */
export function writeToolCallId (id: string, signature: string | null): string {
  return signature === null || !base64.test(signature) ? id : id + marker + signature.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** What `writeToolCallId` put together; the signature in standard base64. Ids of other origin come back as they are. */
export function readToolCallId (toolCallId: string): { readonly id: string, readonly signature: string | null } {
  const at = toolCallId.indexOf(marker)
  if (at === -1) return { id: toolCallId, signature: null }
  const signature = toolCallId.slice(at + marker.length).replaceAll('-', '+').replaceAll('_', '/')
  return { id: toolCallId.slice(0, at), signature: signature + '='.repeat((4 - signature.length % 4) % 4) }
}

/** An id for a call that Gemini gave none. */
export function newToolCallId (): string {
  return newId('call')
}

/** Whether Gemini does not know the id, because it was made here. */
export function isOwnToolCallId (id: string): boolean {
  return /^call_[0-9a-f]{32}$/.test(id)
}
