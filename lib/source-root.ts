/** Whether this process runs what `npm run build` made, in `dist/`. */
export const isCompiled = !import.meta.url.endsWith('.ts')

/** The repository: what is not compiled, as migrations and workflow code, is found from here. Compiled, this file is one folder deeper. */
export const sourceRoot = new URL(isCompiled ? '../../' : '../', import.meta.url)
