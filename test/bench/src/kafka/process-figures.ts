import fs from 'node:fs'

const ticksPerSecond = 100

/** User and system CPU seconds of another process, all its threads together (proc_pid_stat(5)). Grain: 0.01 s. */
export function cpuSecondsOf(pid: number): number {
  const text = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The name stands in brackets and may hold anything; behind it, state is field 3, utime 14, stime 15.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** Resident memory of another process, in MiB. */
export function residentMiB(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))
  return Number(found?.[1] ?? Number.NaN) / 1024
}
