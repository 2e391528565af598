/** Where chunk activities wait, apart from workflows and short activities. */
export function chunkTaskQueue (taskQueue: string): string {
  return `${taskQueue}-chunks`
}
