export const sampleRows = 2000

const subjects = ['a lighthouse keeper', 'the tides', 'a train timetable', 'sourdough', 'prime numbers', 'a night market', 'glaciers', 'a chess clock']
const tasks = ['Write a title about', 'Summarise in one sentence:', 'List three facts about', 'Explain to a child:', 'Translate to French:']

/** Rows that the provider refuses, so that the batch has an error file. */
const refused = ' [[sim:400]]'
/** Rows that fail at first and are answered when they are tried again. */
const passing = [' [[sim:500 times=1]]', ' [[sim:429 times=1 retry-after=0.2]]', ' [[sim:reset times=1]]'] as const

/** The input file of the sample batch: JSON lines, the same every time. 8 rows fail for good, 61 at the first attempt. */
export function sampleBatch (): string {
  return Array.from({ length: sampleRows }, (_, index) => {
    const prompt = `${tasks[index % tasks.length]} ${subjects[index % subjects.length]} (${index + 1})`
    return JSON.stringify({
      custom_id: `request-${index + 1}`,
      method: 'POST',
      url: '/v1/chat/completions',
      body: { model: 'sim-slow', messages: [{ role: 'user', content: prompt + trouble(index) }], max_tokens: 60 }
    }) + '\n'
  }).join('')
}

function trouble (index: number): string {
  if (index % 250 === 249) return refused
  return index % 33 === 16 ? passing[index % 3] ?? '' : ''
}
