import type { ChatRequest, ChatTool } from '../../contracts/chat.ts'
import { cacheMark, invalid } from './content.ts'
import { toOutputSchema } from './schema.ts'
import type { MessagesTool, MessagesToolChoice, Turn } from './wire.ts'

interface ToolFields {
  readonly tools?: readonly MessagesTool[]
  readonly tool_choice?: MessagesToolChoice
}

/** Tools and how they may be used, as fields of a messages request. Throws SiraError for tools that are no functions. */
export function toToolFields (request: ChatRequest, turns: readonly Turn[]): ToolFields {
  const { tools, tool_choice: choice } = request
  if (tools === undefined || tools === null || tools.length === 0) return usedTools(turns)
  const oneAtATime = request.parallel_tool_calls === false ? { disable_parallel_tool_use: true } as const : {}
  const fields = { tools: tools.map(toTool) }
  if (choice === 'none') return { ...fields, tool_choice: { type: 'none' } }
  if (choice === 'required') return { ...fields, tool_choice: { type: 'any', ...oneAtATime } }
  if (choice === undefined || choice === null || choice === 'auto') {
    return request.parallel_tool_calls === false || choice === 'auto' ? { ...fields, tool_choice: { type: 'auto', ...oneAtATime } } : fields
  }
  if (choice?.type !== 'function' || typeof choice.function?.name !== 'string') throw invalid('tool_choice', 'expected none, auto, required or a function.')
  return { ...fields, tool_choice: { type: 'tool', name: choice.function.name, ...oneAtATime } }
}

/** A conversation with calls in it has to come with tools; a client that sends none any more wants no more calls. */
function usedTools (turns: readonly Turn[]): ToolFields {
  const names = new Set<string>()
  for (const turn of turns) for (const block of turn.content) if (block.type === 'tool_use') names.add(block.name)
  if (names.size === 0) return {}
  return { tools: [...names].map(name => ({ name, input_schema: { type: 'object' } })), tool_choice: { type: 'none' } }
}

/**
 * JSON Schema as it is, which only for a strict tool has to be the subset of structured output: any other keyword refuses the whole
 * request (earendil-works/pi #9953). A tool with free keys cannot be strict there.
 */
function inputFields (parameters: ChatTool['function']['parameters'] | null, strict: boolean, param: string): Pick<MessagesTool, 'input_schema' | 'strict'> {
  const schema = strict ? toOutputSchema({ type: 'object', ...parameters ?? { properties: {} } }, param) : null
  return schema === null ? { input_schema: { type: 'object', ...parameters } } : { input_schema: schema, strict: true }
}

function toTool (tool: ChatTool, index: number): MessagesTool {
  const definition = tool?.type === 'function' ? tool.function : undefined
  if (typeof definition?.name !== 'string') throw invalid(`tools[${index}]`, 'this provider takes functions only.')
  const { name, description, parameters, strict } = definition
  return {
    name,
    ...typeof description === 'string' && description !== '' ? { description } : {},
    ...inputFields(parameters, strict === true, `tools[${index}].function.parameters`),
    ...cacheMark(definition),
    ...cacheMark(tool)
  }
}
