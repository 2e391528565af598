import type { ContentPart } from '../../contracts/chat.ts'
import { SiraError } from '../../errors.ts'
import type { FileData, InlineData, Part } from './wire.ts'

/** For the media type of an address that says none. Types that Gemini reads. */
const types: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  heic: 'image/heic',
  heif: 'image/heif',
  pdf: 'application/pdf',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  json: 'application/json',
  wav: 'audio/wav',
  mp3: 'audio/mp3',
  m4a: 'audio/mp4',
  aac: 'audio/aac',
  ogg: 'audio/ogg',
  flac: 'audio/flac',
  aiff: 'audio/aiff',
  mp4: 'video/mp4',
  mov: 'video/mov',
  webm: 'video/webm'
}

/**
 * A part of a message as Gemini's. Data go inline; an address is handed on for Gemini to fetch and never fetched here, which
 * would let callers reach our network. Throws a SiraError `unsupported_parameter` for what Gemini could not read.
 */
export function toPart (part: ContentPart, model: string, param: string): Part {
  switch (part.type) {
    case 'text':
      return { text: part.text }
    case 'refusal':
      return { text: part.refusal }
    case 'image_url':
      return mediaAt(part.image_url.url, model, `${param}.image_url.url`)
    case 'input_audio':
      return { inlineData: { mimeType: audioType(part.input_audio.format), data: part.input_audio.data } }
    case 'file': {
      const { file_data: data, file_id: id } = part.file
      if (typeof data === 'string') return mediaAt(data, model, `${param}.file.file_data`)
      if (typeof id === 'string' && /^(https?|gs):/i.test(id)) return mediaAt(id, model, `${param}.file.file_id`)
      throw unsupported(model, `${param}.file`, 'Send file_data as a data: URL, or an http(s) address as file_id.')
    }
    default:
      throw unsupported(model, `${param}.type`, 'Parts are text, image_url, input_audio, file or refusal.')
  }
}

function mediaAt (url: string, model: string, param: string): { inlineData: InlineData } | { fileData: FileData } {
  if (/^data:/i.test(url)) return { inlineData: readDataUrl(url, model, param) }
  if (!/^(https?|gs):\/\//i.test(url)) throw unsupported(model, param, 'It is neither a data: URL nor an http(s) address.')
  const path = url.replace(/[?#].*$/s, '')
  // a file uploaded to Gemini has its type there, and no extension
  if (/^https:\/\/generativelanguage\.googleapis\.com\/v1[^/]*\/files\//.test(path)) return { fileData: { fileUri: url } }
  const mimeType = types[/\.([a-z0-9]{2,5})$/i.exec(path)?.[1]?.toLowerCase() ?? '']
  if (mimeType === undefined) throw unsupported(model, param, 'The media type cannot be told from the address. Send it as a data: URL.')
  return { fileData: { fileUri: url, mimeType } }
}

function readDataUrl (url: string, model: string, param: string): InlineData {
  // by hand: a regular expression over megabytes of data is slow
  const comma = url.indexOf(',')
  const [mimeType = '', ...parameters] = url.slice('data:'.length, Math.max(comma, 0)).split(';')
  if (comma === -1 || !mimeType.includes('/') || parameters.at(-1)?.toLowerCase() !== 'base64') {
    throw unsupported(model, param, 'A data: URL has to name its media type and be base64.')
  }
  return { mimeType: mimeType.toLowerCase(), data: url.slice(comma + 1) }
}

function audioType (format: string): string {
  return types[format] ?? `audio/${format}`
}

export function unsupported (model: string, param: string, reason: string): SiraError {
  return new SiraError('unsupported_parameter', { model, param, reason }, { param })
}
