import { codeOf } from '@millrace/kernel'

let needed = true

/** Call once. Who reads standard output may go away, as in `millrace consume … | head`: it has what it wanted. */
export function watchOutputReader(): void {
  process.stdout.on('error', (error) => {
    if (needed) process.exit(codeOf(error) === 'EPIPE' ? 0 : 1)
  })
}

/** A job whose output is only about its progress goes on when nobody reads that any more. */
export function goOnWithoutReader(): void {
  needed = false
}
