import fs from 'node:fs'

const ticksPerSecond = 100

/**
 * CPU seconds of a process and of all its children, the ended ones included, as Linux counts them; undefined
 * elsewhere. PostgreSQL has a
 * process for each connection.
 */
export function processTreeCpuSeconds(pid: number): number | undefined {
  const own = readStat(pid)
  if (own === undefined) return undefined
  let seconds = own.seconds
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const child = readStat(Number(name))
    if (child?.parent === pid) seconds += child.seconds
  }
  return seconds
}

function readStat(pid: number): { readonly parent: number; readonly seconds: number } | undefined {
  let text: string
  try {
    text = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined // it ended, or there is no /proc
  }
  // The command stands in parentheses and may hold anything; fields are counted from behind it (proc_pid_stat(5)).
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const ticks = (fields[11] ?? 0) + (fields[12] ?? 0) + (fields[13] ?? 0) + (fields[14] ?? 0)
  return { parent: fields[1] ?? 0, seconds: ticks / ticksPerSecond }
}
