import type { ChatRequest, ChatTool, ToolChoice } from '../../contracts/chat.ts'
import { invalid, readFields, readList, readText, unsupported, type Fields } from '../faults.ts'
import { MOST_TOOLS } from '../fields.ts'

type ToolSettings = Pick<ChatRequest, 'tools' | 'tool_choice' | 'parallel_tool_calls'>

/** Anthropic's tools and tool_choice in chat's words. Only the caller's own tools: those that Anthropic runs itself are refused. */
export function toolSettings (body: Fields, model: string): ToolSettings {
  const tools = body.tools === undefined || body.tools === null ? [] : readList(body.tools, 'tools').map((tool, place) => chatTool(readFields(tool, `tools[${place}]`), model, `tools[${place}]`))
  if (tools.length > MOST_TOOLS) throw invalid('tools', `chat completions take at most ${MOST_TOOLS} tools.`)
  const choice = body.tool_choice === undefined || body.tool_choice === null ? null : readFields(body.tool_choice, 'tool_choice')
  if (tools.length === 0) {
    // Chat refuses a choice without tools; auto and none mean nothing then.
    if (choice?.type === 'any' || choice?.type === 'tool') throw invalid('tool_choice', 'there are no tools to choose from.')
    return {}
  }
  return {
    tools,
    ...(choice === null ? {} : { tool_choice: chatChoice(choice) }),
    ...(choice?.disable_parallel_tool_use === true ? { parallel_tool_calls: false } : {})
  }
}

function chatTool (tool: Fields, model: string, path: string): ChatTool {
  if (tool.type !== undefined && tool.type !== null && tool.type !== 'custom') {
    throw unsupported(model, `${path}.type`, `a tool of type ${JSON.stringify(tool.type).slice(0, 66)} runs only at Anthropic.`)
  }
  return {
    type: 'function',
    function: {
      name: readText(tool.name, `${path}.name`),
      ...(tool.description === undefined || tool.description === null ? {} : { description: readText(tool.description, `${path}.description`) }),
      parameters: readFields(tool.input_schema, `${path}.input_schema`),
      ...(typeof tool.strict === 'boolean' ? { strict: tool.strict } : {})
    }
  }
}

function chatChoice (choice: Fields): ToolChoice {
  switch (choice.type) {
    case 'auto': return 'auto'
    case 'any': return 'required'
    case 'none': return 'none'
    case 'tool': return { type: 'function', function: { name: readText(choice.name, 'tool_choice.name') } }
    default: throw invalid('tool_choice.type', 'it must be auto, any, tool or none.')
  }
}
