import type { ChatRequest, ChatTool, ToolChoice } from '../../contracts/chat.ts'
import { SiraError } from '../../errors.ts'
import { unsupported } from './media.ts'
import { toGeminiSchema } from './schema.ts'
import { isObject } from './wire.ts'
import type { FunctionDeclaration, GenerateContentRequest } from './wire.ts'

/** Tools and the choice among them. Throws a SiraError for tools that are no functions. */
export function toTools ({ tools, tool_choice: choice, model }: ChatRequest): Pick<GenerateContentRequest, 'tools' | 'toolConfig'> {
  if (!Array.isArray(tools) || tools.length === 0) return {}
  const config = toToolConfig(choice ?? 'auto', model)
  return {
    tools: [{ functionDeclarations: tools.map((tool: ChatTool, index) => declare(tool, model, `tools[${index}]`)) }],
    ...(config !== null && { toolConfig: { functionCallingConfig: config } })
  }
}

function declare (tool: ChatTool, model: string, param: string): FunctionDeclaration {
  if (tool?.type !== 'function') throw unsupported(model, `${param}.type`, 'Tools are functions here.')
  if (typeof tool.function?.name !== 'string') throw new SiraError('invalid_parameter', { param: `${param}.function.name`, reason: 'Expected a text.' })
  const { name, description, parameters } = tool.function
  return {
    name,
    ...(typeof description === 'string' && description !== '' && { description }),
    ...(takesParameters(parameters) && { parametersJsonSchema: toGeminiSchema(parameters, `${param}.function.parameters`) })
  }
}

/** An object without properties is how OpenAI spells "no parameters"; Gemini has refused it as a schema. */
function takesParameters (schema: unknown): boolean {
  if (!isObject(schema)) return false
  const { type, properties } = schema
  const isEmpty = !isObject(properties) || Object.keys(properties).length === 0
  const says = Object.keys(schema).some(keyword => !['type', 'properties', 'required', 'additionalProperties', '$schema', 'title', 'description'].includes(keyword))
  return !(isEmpty && !says && (type === undefined || type === 'object') && typeof schema.additionalProperties !== 'object')
}

type CallingConfig = NonNullable<GenerateContentRequest['toolConfig']>['functionCallingConfig']

/** null = auto, which is Gemini's default. */
function toToolConfig (choice: ToolChoice, model: string): CallingConfig | null {
  if (choice === 'auto') return null
  if (choice === 'none') return { mode: 'NONE' }
  if (choice === 'required') return { mode: 'ANY' }
  if (choice.type === 'function' && typeof choice.function?.name === 'string') return { mode: 'ANY', allowedFunctionNames: [choice.function.name] }
  throw unsupported(model, 'tool_choice', 'Expected none, auto, required or a function.')
}
