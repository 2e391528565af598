import type { FastifyInstance } from 'fastify'
import budgets from './budgets.ts'
import credentials from './credentials.ts'
import deployments from './deployments.ts'
import keySecrets from './key-secrets.ts'
import keys from './keys.ts'
import limits from './limits.ts'
import me from './me.ts'
import models from './models.ts'
import organizations from './organizations.ts'
import presets from './presets.ts'
import projects from './projects.ts'
import providers from './providers.ts'

/** Who may use what, in the native dialect, under /api/v1. */
export default async function admin (app: FastifyInstance): Promise<void> {
  const { control } = app.dependencies
  // this process knows of a change before it says so; the others follow within a second
  app.addHook('onSend', async (request, reply) => {
    if (request.method !== 'GET' && request.method !== 'HEAD' && reply.statusCode < 400) await control.refresh()
  })
  for (const routes of [me, organizations, projects, keys, keySecrets, providers, credentials, models, deployments, limits, budgets, presets]) await app.register(routes)
}
