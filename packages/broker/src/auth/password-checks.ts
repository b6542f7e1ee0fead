import { isPasswordOf, type ScramMechanism } from '@millrace/protocol/internal'
import type { Users } from './users.ts'

/** More at a time would keep the disk waiting: both run on the threads of one pool. */
const atOnce = 2

/**
 * Passwords against what is kept of them, slow by intent. Each takes its turn; how many can wait is bounded by the
 * connections, of which each waits for one.
 */
export class PasswordChecks {
  readonly #users: Users
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(users: Users) {
    this.#users = users
  }

  /** A user that does not exist takes as long as one that does. */
  async isRight(user: string, password: string): Promise<boolean> {
    const kept = this.#users.credentials(user)
    const [mechanism = 'SCRAM-SHA-256', credential] = kept?.entries().next().value ?? []
    const against = credential ?? this.#users.pretended(user, mechanism)
    return this.#inTurn(async () => {
      const isRight = await isPasswordOf(mechanism satisfies ScramMechanism, against, password)
      return isRight && credential !== undefined
    })
  }

  async #inTurn<T>(check: () => Promise<T>): Promise<T> {
    if (this.#running >= atOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    try {
      return await check()
    } finally {
      const next = this.#waiting.shift() // the turn is handed on
      if (next === undefined) this.#running--
      else next()
    }
  }
}
