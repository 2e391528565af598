import { createKeyText } from '../lib/store/keys.ts'

// `npm run create-key`: a fresh key for SIRA_ADMIN_KEY. It is valid once a process has started with it.
console.log(createKeyText())
