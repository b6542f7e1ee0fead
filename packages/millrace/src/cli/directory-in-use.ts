import { MillraceError } from '@millrace/kernel'

/** A directory in use: whoever holds it can be asked. */
export async function naming<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'DIRECTORY_IN_USE') throw error
    const holder = /process \d+ holds it|this process already holds it/.exec(error.message)?.[0] ?? 'it is in use'
    throw new MillraceError('DIRECTORY_IN_USE', holder, {
      place: error.place,
      fix: 'Ask that process with --bootstrap HOST:PORT, stop it, or choose another directory.',
      cause: error,
    })
  }
}
