export { chatToCompletion } from './from-chat.ts'
export { createCompletionsStream } from './stream.ts'
export { completionsToChat } from './to-chat.ts'
