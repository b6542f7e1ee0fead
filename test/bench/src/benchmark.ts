/** One way to do the work. */
export interface Contender {
  readonly name: string
  /** Does the pinned work once. */
  run(): void | Promise<void>
  /** Releases what it holds. */
  close?(): Promise<void>
}

/** The same pinned work done by one contender or by several, side by side. */
export interface Benchmark {
  readonly name: string
  /** What is counted: `records`, `bytes`. */
  readonly unit: string
  /** Units that one run handles, the same for every contender. */
  readonly unitsPerRun: number
  /** Bytes of a unit's key and value, where a rate in bytes tells something. */
  readonly bytesPerUnit?: number | undefined
  /** Ours first; the others are compared with it. */
  contenders(): Promise<readonly Contender[]>
}

export interface Result {
  readonly benchmark: string
  readonly contender: string
  readonly unit: string
  readonly bytesPerUnit?: number | undefined
  /** Median over the rounds, of wall-clock time. */
  readonly perSecond: number
  /** Slowest and fastest round. */
  readonly slowest: number
  readonly fastest: number
  /** Median over the rounds, of this process's processor time: what a busy neighbour does not change. */
  readonly perCpuSecond: number
  readonly rounds: number
}

export interface RunOptions {
  /** Rounds that count. @default 9 */
  readonly rounds?: number | undefined
  /** A contender repeats its work for at least this long in a round. @default 200 */
  readonly roundMs?: number | undefined
}

/**
 * Runs the contenders in turn, round after round (A B A B …), so that a machine that slows down slows both. Three
 * rounds warm up and do not count; the median is reported.
 */
export async function runBenchmark(benchmark: Benchmark, options: RunOptions = {}): Promise<readonly Result[]> {
  const rounds = options.rounds ?? 9
  const roundMs = options.roundMs ?? 200
  const contenders = await benchmark.contenders()
  const wall = contenders.map((): number[] => [])
  const cpu = contenders.map((): number[] => [])
  for (let round = -3; round < rounds; round++) {
    for (const [i, contender] of contenders.entries()) {
      const { units, seconds, cpuSeconds } = await measure(contender, benchmark.unitsPerRun, roundMs)
      if (round < 0) continue
      wall[i]!.push(units / seconds)
      cpu[i]!.push(units / cpuSeconds)
    }
  }
  for (const contender of contenders) await contender.close?.()
  return contenders.map((contender, i) => ({
    benchmark: benchmark.name,
    contender: contender.name,
    unit: benchmark.unit,
    bytesPerUnit: benchmark.bytesPerUnit,
    perSecond: median(wall[i]!),
    slowest: Math.min(...wall[i]!),
    fastest: Math.max(...wall[i]!),
    perCpuSecond: median(cpu[i]!),
    rounds,
  }))
}

async function measure(contender: Contender, unitsPerRun: number, leastMs: number) {
  const cpuBefore = process.cpuUsage()
  const before = performance.now()
  let runs = 0
  let elapsedMs: number
  do {
    const pending = contender.run()
    if (pending !== undefined) await pending
    runs++
    elapsedMs = performance.now() - before
  } while (elapsedMs < leastMs)
  const used = process.cpuUsage(cpuBefore)
  return { units: runs * unitsPerRun, seconds: elapsedMs / 1e3, cpuSeconds: (used.user + used.system) / 1e6 }
}

/** @param share 0.5 for the median; between two values the one in between */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const below = Math.floor(at)
  const low = sorted[below] ?? Number.NaN
  const high = sorted[below + 1] ?? low
  return low + (high - low) * (at - below)
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}
