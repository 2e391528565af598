/** Where chunk activities wait, apart from workflows and short activities. */
export function chunkTaskQueue (taskQueue: string): string {
  return `${taskQueue}-chunks`
}

/** Calls of background responses: they wait for models, and must not take the places of what is quick. */
/** Deliveries to webhook endpoints: many, and mostly waiting for receivers. */
export function webhookTaskQueue (taskQueue: string): string { return `${taskQueue}-webhooks` }

export function responseTaskQueue (taskQueue: string): string { return `${taskQueue}-responses` }
