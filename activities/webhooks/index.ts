import type { WebhookDependencies } from './dependencies.ts'
import { createDeliverDue } from './deliver-due.ts'

export type WebhookActivities = Pick<ReturnType<typeof createWebhookDelivery>, 'deliverDue'>

/** The activity that delivers webhooks, and `hint`, which spares its dispatchers from looking for what was fanned out in this process. */
export function createWebhookDelivery (dependencies: WebhookDependencies) {
  return createDeliverDue(dependencies)
}
