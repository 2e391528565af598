import type { FastifyInstance } from 'fastify'
import { requireScopeOf } from '../../../plugins/authentication.ts'
import control from './control.ts'
import create from './create.ts'
import read from './read.ts'
import results from './results.ts'

/** Batches in the native dialect, under /api/v1/batch. */
export default async function batch (app: FastifyInstance): Promise<void> {
  requireScopeOf(app, 'batch')
  for (const routes of [create, read, control, results]) await app.register(routes, { prefix: '/batch' })
}
