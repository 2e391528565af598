export { chatToMessage } from './chat-to-message.ts'
export { messagesError } from './error.ts'
export { createMessagesStream } from './stream.ts'
export { messagesToChat } from './to-chat.ts'
