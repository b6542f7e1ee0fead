import type { Buffer } from 'node:buffer'
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'

/** The SCRAM mechanisms of Kafka, with the number each has in the user APIs (KIP-554). */
export const scramMechanisms = {
  'SCRAM-SHA-256': { wire: 1, hash: 'sha256', bytes: 32 },
  'SCRAM-SHA-512': { wire: 2, hash: 'sha512', bytes: 64 },
} as const

export type ScramMechanism = keyof typeof scramMechanisms

/** Kafka's bounds: fewer are too few to slow a guesser down (RFC 7677), more would keep the server busy. */
export const scramIterations = { least: 4096, most: 16_384 } as const

/** What a server keeps of a password (RFC 5802 §3): enough to check it, not enough to log in with. */
export interface ScramCredential {
  readonly salt: Buffer
  readonly iterations: number
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

export function isScramMechanism(name: string): name is ScramMechanism {
  return Object.hasOwn(scramMechanisms, name)
}

/** `Hi` of RFC 5802: the slow step, on a thread of the pool. Text is UTF-8, as Kafka has it, without SASLprep. */
export function saltedPassword(
  mechanism: ScramMechanism,
  password: string,
  salt: Buffer,
  iterations: number,
): Promise<Buffer> {
  const { hash, bytes } = scramMechanisms[mechanism]
  return new Promise((resolve, reject) => {
    pbkdf2(password, salt, iterations, bytes, hash, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
}

/** What follows from a salted password and is kept of it. */
export function credentialOf(
  mechanism: ScramMechanism,
  salted: Buffer,
  salt: Buffer,
  iterations: number,
): ScramCredential {
  const storedKey = digest(mechanism, hmac(mechanism, salted, 'Client Key'))
  return { salt, iterations, storedKey, serverKey: hmac(mechanism, salted, 'Server Key') }
}

/** Whether a password is the one of a credential. As slow as the credential says, right or wrong. */
export async function isPasswordOf(
  mechanism: ScramMechanism,
  credential: ScramCredential,
  password: string,
): Promise<boolean> {
  const salted = await saltedPassword(mechanism, password, credential.salt, credential.iterations)
  const { storedKey } = credentialOf(mechanism, salted, credential.salt, credential.iterations)
  return isSame(storedKey, credential.storedKey)
}

/** The server's side of what the client proves: whether `proof` was made with the password of `storedKey`. */
export function isProofOf(mechanism: ScramMechanism, storedKey: Buffer, signed: string, proof: Buffer): boolean {
  if (proof.length !== scramMechanisms[mechanism].bytes) return false
  const clientKey = xor(hmac(mechanism, storedKey, signed), proof)
  return isSame(digest(mechanism, clientKey), storedKey)
}

export function hmac(mechanism: ScramMechanism, key: Buffer, text: string): Buffer {
  return createHmac(scramMechanisms[mechanism].hash, key).update(text, 'utf8').digest()
}

export function digest(mechanism: ScramMechanism, bytes: Buffer): Buffer {
  return createHash(scramMechanisms[mechanism].hash).update(bytes).digest()
}

/** Equality in a time that tells nothing of where two keys differ. */
export function isSame(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Two keys of one length, bit by bit. In place of the first. */
export function xor(a: Buffer, b: Buffer): Buffer {
  for (let at = 0; at < a.length; at++) a[at] = a[at]! ^ b[at]!
  return a
}
