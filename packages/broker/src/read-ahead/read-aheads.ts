import type { Metrics } from '@millrace/kernel'
import type { LogDirectory } from '@millrace/log/internal'
import type { RequestContext } from '@millrace/protocol/internal'
import type { BrokerPorts } from '../broker-ports.ts'
import { ReadAhead } from './read-ahead.ts'
import { ReadAheadBudget } from './read-ahead-budget.ts'

/** What is read ahead for each connection of a broker. */
export class ReadAheads {
  readonly #directory: LogDirectory
  readonly #clock: BrokerPorts['clock']
  readonly #budget: ReadAheadBudget | undefined
  /** By the signal that a connection fires when it is gone. */
  readonly #byConnection = new WeakMap<AbortSignal, ReadAhead>()

  /** @param bytesMax of all connections together; 0: nothing is read ahead */
  constructor(
    directory: LogDirectory,
    ports: Pick<BrokerPorts, 'clock'> & { readonly metrics: Metrics },
    bytesMax: number,
  ) {
    this.#directory = directory
    this.#clock = ports.clock
    this.#budget = bytesMax === 0 ? undefined : new ReadAheadBudget(ports.metrics, bytesMax)
  }

  /** Of the connection that a request came by; undefined where nothing is read ahead. */
  of({ closed, memory }: RequestContext): ReadAhead | undefined {
    if (memory === undefined || this.#budget === undefined) return undefined
    const known = this.#byConnection.get(closed)
    if (known !== undefined) return known
    const [directory, clock, budget] = [this.#directory, this.#clock, this.#budget]
    const made = new ReadAhead({ directory, clock, budget, lender: memory.lender, closed })
    this.#byConnection.set(closed, made)
    return made
  }
}
