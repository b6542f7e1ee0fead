import * as fs from 'node:fs'

/**
 * The process's limit of descriptors as Linux tells it (proc_pid_limits(5)); undefined elsewhere. Node raises the soft limit to the
 * hard one when it starts.
 */
export function descriptorsMax(): number | undefined {
  let limits: string
  try {
    limits = fs.readFileSync('/proc/self/limits', 'latin1')
  } catch {
    return undefined // another system: whoever asks has a default
  }
  const soft = /^Max open files +(\d+|unlimited)/m.exec(limits)?.[1]
  if (soft === undefined) return undefined
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
}
