import fs from 'node:fs'

const ticksPerSecond = 100

/** User and system CPU seconds of this process, all its threads together. */
export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** CPU seconds of the whole machine since it started, as Linux counts them (proc_stat(5)); undefined elsewhere. */
export function machineCpuSeconds(): number | undefined {
  let text: string
  try {
    text = fs.readFileSync('/proc/stat', 'latin1')
  } catch {
    return undefined // another system: how quiet it was is then not told
  }
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (text.split('\n')[0] ?? '')
    .split(/ +/)
    .map(Number)
  return (user + nice + system + irq + softirq) / ticksPerSecond
}
