import { Buffer } from 'node:buffer'
import { createHmac } from 'node:crypto'
import { MillraceError, type Random } from '@millrace/kernel'
import {
  isScramMechanism,
  type ScramCredential,
  type ScramMechanism,
  scramIterations,
  scramMechanisms,
} from '@millrace/protocol/internal'
import type { SecurityLog, SecurityRecord } from './security-log.ts'

const secretBytes = 32
const saltBytes = 24

/** A change of one credential: `credential` undefined takes it away. */
export interface UserChange {
  readonly name: string
  readonly mechanism: ScramMechanism
  readonly credential: ScramCredential | undefined
}

/** The users and what is kept of their passwords: SCRAM credentials, from which no password can be read. */
export class Users {
  readonly #log: SecurityLog
  readonly #byName = new Map<string, Map<ScramMechanism, ScramCredential>>()
  /** Makes the salts of users that do not exist: always the same for one name, so that nobody can tell. */
  #secret: Buffer
  #secretKept = false

  constructor(log: SecurityLog, random: Random) {
    this.#log = log
    this.#secret = random.bytes(secretBytes)
  }

  get size(): number {
    return this.#byName.size
  }

  names(): string[] {
    return [...this.#byName.keys()].sort()
  }

  credentials(name: string): ReadonlyMap<ScramMechanism, ScramCredential> | undefined {
    return this.#byName.get(name)
  }

  credential(name: string, mechanism: ScramMechanism): ScramCredential | undefined {
    return this.#byName.get(name)?.get(mechanism)
  }

  /** What an unknown user seems to have. No password fits: its keys are keys of nothing. */
  pretended(name: string, mechanism: ScramMechanism): ScramCredential {
    const chance = (what: string) =>
      createHmac('sha512', this.#secret).update(`${mechanism}\0${what}\0${name}`).digest()
    const { bytes } = scramMechanisms[mechanism]
    const seen: number[] = [...this.#byName.values()].flatMap((kept) => kept.get(mechanism)?.iterations ?? [])
    const iterations = seen[chance('iterations').readUInt32BE(0) % Math.max(1, seen.length)] ?? scramIterations.least
    return {
      salt: chance('salt').subarray(0, saltBytes),
      iterations,
      storedKey: chance('stored').subarray(0, bytes),
      serverKey: chance('server').subarray(0, bytes),
    }
  }

  /** Durable when it resolves, and only then in force. */
  async change(changes: readonly UserChange[]): Promise<void> {
    const records: SecurityRecord[] = changes.map(recordOf)
    if (!this.#secretKept) {
      records.unshift({ key: { type: 'secret' }, value: { secret: this.#secret.toString('base64') } })
    }
    await this.#log.append(records)
    this.#secretKept = true
    for (const { name, mechanism, credential } of changes) this.#set(name, mechanism, credential)
  }

  /** A record of the log at the start. True if it was one of users. @throws CORRUPT_FILE */
  take({ key, value }: SecurityRecord): boolean {
    if (key['type'] === 'secret') {
      this.#secret = bytesIn(value ?? {}, 'secret')
      this.#secretKept = true
      return true
    }
    if (key['type'] !== 'user') return false
    const { name, mechanism } = key
    if (typeof name !== 'string' || typeof mechanism !== 'string' || !isScramMechanism(mechanism)) {
      throw damaged('a user has no name or no mechanism')
    }
    this.#set(name, mechanism, value === null ? undefined : credentialIn(value))
    return true
  }

  #set(name: string, mechanism: ScramMechanism, credential: ScramCredential | undefined): void {
    const kept = this.#byName.get(name) ?? new Map<ScramMechanism, ScramCredential>()
    if (credential === undefined) kept.delete(mechanism)
    else kept.set(mechanism, credential)
    if (kept.size === 0) this.#byName.delete(name)
    else this.#byName.set(name, kept)
  }
}

function recordOf({ name, mechanism, credential }: UserChange): SecurityRecord {
  const key = { type: 'user', name, mechanism }
  if (credential === undefined) return { key, value: null }
  const { salt, iterations, storedKey, serverKey } = credential
  const base64 = (bytes: Buffer) => bytes.toString('base64')
  return {
    key,
    value: { salt: base64(salt), iterations, storedKey: base64(storedKey), serverKey: base64(serverKey) },
  }
}

function credentialIn(value: Readonly<Record<string, string | number>>): ScramCredential {
  const { iterations } = value
  if (typeof iterations !== 'number') throw damaged('a credential has no iterations')
  return {
    salt: bytesIn(value, 'salt'),
    iterations,
    storedKey: bytesIn(value, 'storedKey'),
    serverKey: bytesIn(value, 'serverKey'),
  }
}

function bytesIn(value: Readonly<Record<string, string | number>>, name: string): Buffer {
  const text = value[name]
  if (typeof text !== 'string') throw damaged(`a record has no ${name}`)
  return Buffer.from(text, 'base64')
}

function damaged(what: string): MillraceError {
  return new MillraceError('CORRUPT_FILE', `users cannot be read: ${what}`, { place: '__security' })
}
