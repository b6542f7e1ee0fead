import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Engine, startEngine } from '@millrace/embedded'
import { silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { fill, type ScramMechanism, saltedPassword, scramMechanisms } from '@millrace/protocol/internal'
import { server } from './certificates.ts'

export type SecureListener = 'SASL_PLAINTEXT' | 'SASL_SSL'

/**
 * Our broker with a listener for each way in, ACLs switched on, and the users `admin`, who may do all, and `app`, whose
 * passwords are `admin-secret` and `app-secret`. Sessions end after 1.5 s.
 */
export class SecureBroker {
  readonly ports = nodePorts({ log: silentLog })
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-conformance-secure-'))
  #engine: Engine | undefined

  async start(): Promise<void> {
    this.#engine = await startEngine({
      directory: this.#folder,
      ports: this.ports,
      settings: {
        listeners: 'SASL_PLAINTEXT://localhost:0,SASL_SSL://localhost:0',
        'ssl.keystore.certificate.chain': server.cert,
        'ssl.keystore.key': server.key,
        'authorizer.class.name': 'acl',
        'super.users': 'User:admin',
        'connections.max.reauth.ms': 1500,
      },
    })
    for (const name of ['admin', 'app']) await this.#addUser(this.#engine, name)
  }

  /** Host and port. */
  address(listener: SecureListener): string {
    return `localhost:${this.#engine?.listeners.find(({ name }) => name === listener)?.port}`
  }

  async dispose(): Promise<void> {
    await this.#engine?.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #addUser(engine: Engine, name: string): Promise<void> {
    const transport = engine.loopback()
    const [broker] = transport.bootstrap
    if (broker === undefined) throw new Error('an engine is its own broker')
    const connection = await transport.connect(broker)
    for (const mechanism of Object.keys(scramMechanisms) as ScramMechanism[]) {
      const salt = this.ports.random.bytes(16)
      const salted = await saltedPassword(mechanism, `${name}-secret`, salt, 4096)
      const number = scramMechanisms[mechanism].wire
      const upsertions = [{ name, mechanism: number, iterations: 4096, salt, saltedPassword: salted }]
      await connection.send('alterUserScramCredentials', fill('alterUserScramCredentials', 'request', { upsertions }))
    }
    await connection.close()
  }
}
