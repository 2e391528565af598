import type { WriteStream } from 'node:tty'

export interface Screen {
  print: (text: string) => void
  /** Shows a line in the place of the last one that was drawn so; null when the output is not a terminal. */
  redraw: ((line: string) => void) | null
}

/** Plain lines everywhere, and in a terminal one line at the bottom that can be drawn again. */
export function createScreen (output: WriteStream): Screen {
  let drawn = ''
  const clear = (): void => { if (drawn !== '') output.write('\r\u001b[2K') }
  const print = (text: string): void => {
    // The last state of a bar stays on the screen.
    output.write(`${drawn === '' ? '' : '\n'}${text}\n`)
    drawn = ''
  }
  const redraw = (line: string): void => {
    clear()
    drawn = line.slice(0, (output.columns ?? 80) - 1)
    output.write(drawn)
  }
  return { print, redraw: output.isTTY ? redraw : null }
}
