/** Models' names, public and at a provider. Postgres text has no NUL, and a model's name goes into logs and headers. */
export const isName = (text: string): boolean => /^[!-~]{1,256}$/.test(text)
export const nameNeeded = 'a name of 1 to 256 printable ASCII characters without spaces'

export const isProviderName = (text: string): boolean => /^[a-z0-9][a-z0-9._-]{0,63}$/i.test(text)
export const providerNameNeeded = 'a name of 1 to 64 letters, digits, dots, dashes or underscores'

export function isBaseUrl (text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  return (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '' && url.password === '' &&
    url.search === '' && url.hash === '' && !text.endsWith('?') && !text.endsWith('#')
}
