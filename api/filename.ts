/** A caller's file name as it is kept: no path, no control characters, nothing that Postgres refuses; at most 255 characters. */
export function cleanFilename (name: string): string {
  const base = name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1)
  // eslint-disable-next-line no-control-regex -- they are what is removed
  const clean = [...base.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]|\p{Surrogate}/gu, '')].slice(0, 255).join('')
  return clean === '' || clean === '.' || clean === '..' ? 'file' : clean
}

/** RFC 6266: an ASCII name for old readers, the whole one in UTF-8 for the others. */
export function contentDisposition (filename: string): string {
  const ascii = filename.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  const encoded = encodeURIComponent(filename).replace(/['()*]/g, character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`
}
