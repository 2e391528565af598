import { loadConfig } from '../lib/config.ts'
import { prepare } from './prepare.ts'

// `npm run migrate`: run once per release, before its api and worker start. Settings as theirs: docs/configuration.md.
await prepare(loadConfig())
