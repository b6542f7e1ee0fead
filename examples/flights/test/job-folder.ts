import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type Expected, expectedResult } from '../src/oracle/flights-oracle.ts'
import { type Verification, verify } from '../src/oracle/result-files.ts'
import { postgresServer } from '../src/postgres/postgres-server.ts'

/** Where one test's job keeps its data and puts its results. */
export class JobFolder {
  readonly path = fs.mkdtempSync(path.join(os.tmpdir(), 'flights-'))
  readonly data = path.join(this.path, 'data')
  readonly out = path.join(this.path, 'out')

  args(...more: readonly string[]): string[] {
    return ['--data', this.data, '--out', this.out, ...more]
  }

  /** Both results in both places against the independent computation. The server is started, asked and stopped. */
  async verify(limit?: number, expected?: Expected): Promise<Verification> {
    const server = await postgresServer(this.data)
    try {
      return await verify(this.out, server.url, expected ?? (await expectedResult(limit)))
    } finally {
      await server.stop()
    }
  }

  /** Stops what may still run, and removes everything, the cluster outside the folder too. */
  async remove(): Promise<void> {
    const file = path.join(this.data, 'postgres.json')
    if (fs.existsSync(file)) {
      const server = await postgresServer(this.data)
      await server.stop()
      const kept: unknown = JSON.parse(fs.readFileSync(file, 'utf8'))
      if (typeof kept === 'object' && kept !== null && 'home' in kept) fs.rmSync(String(kept.home), { recursive: true })
    }
    fs.rmSync(this.path, { recursive: true, force: true })
  }
}
