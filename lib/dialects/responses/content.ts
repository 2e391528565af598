import type { ContentPart } from '../../contracts/chat.ts'
import { invalid, readFields, readList, readText, unsupported } from '../faults.ts'

/** The content of a message or of a function's output as chat's parts. Throws SiraError with the path of what chat cannot say. */
export function contentToParts (content: unknown, model: string, path: string): ContentPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return readList(content, path).map((part, place) => contentToPart(part, model, `${path}[${place}]`))
}

function contentToPart (value: unknown, model: string, path: string): ContentPart {
  const part = readFields(value, path)
  switch (part.type) {
    case 'input_text':
    case 'output_text':
    case 'text':
      return { type: 'text', text: readText(part.text, `${path}.text`) }
    case 'refusal':
      return { type: 'refusal', refusal: readText(part.refusal, `${path}.refusal`) }
    case 'input_image': {
      if (isSaid(part.file_id)) throw unsupported(model, `${path}.file_id`, 'an image must be given as image_url.')
      const url = readText(part.image_url, `${path}.image_url`)
      // chat knows auto, low and high
      const detail = part.detail === 'original' ? 'high' : part.detail
      return { type: 'image_url', image_url: { url, ...(typeof detail === 'string' ? { detail } : {}) } }
    }
    case 'input_file': {
      if (isSaid(part.file_id)) throw unsupported(model, `${path}.file_id`, 'a file must be given as file_data.')
      if (isSaid(part.file_url)) throw unsupported(model, `${path}.file_url`, 'a file must be given as file_data.')
      const data = readText(part.file_data, `${path}.file_data`)
      return { type: 'file', file: { file_data: data, ...(isSaid(part.filename) ? { filename: part.filename } : {}) } }
    }
    case 'input_audio': {
      const audio = readFields(part.input_audio, `${path}.input_audio`)
      return { type: 'input_audio', input_audio: { data: readText(audio.data, `${path}.input_audio.data`), format: readText(audio.format, `${path}.input_audio.format`) } }
    }
    default:
      throw invalid(`${path}.type`, `there is no content of type ${JSON.stringify(readText(part.type, `${path}.type`).slice(0, 64))}.`)
  }
}

function isSaid (value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
