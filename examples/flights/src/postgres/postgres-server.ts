import { type ChildProcess, type SpawnOptions, type StdioOptions, spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import pg from 'pg'
import { type PostgresBinaries, runnableBinaries } from './binaries.ts'
import { type Cluster, openCluster, sharedFolder } from './cluster.ts'
import { type SystemUser, serverUser } from './unprivileged-user.ts'

/** A running server. `stop` ends it in order (fast shutdown) and waits. */
export interface PostgresServer {
  readonly url: string
  /** For the summary: where it came from and where its data lies. */
  readonly description: string
  /** Of the server's first process; undefined for a server of somebody else's. */
  readonly pid: number | undefined
  stop(): Promise<void>
}

/**
 * The server of `DATABASE_URL`, or one of our own whose cluster belongs to `dataFolder`. A server that a killed run
 * left behind
 * is found by its pid file and used again.
 */
export async function postgresServer(dataFolder: string): Promise<PostgresServer> {
  const given = process.env['DATABASE_URL']
  if (given !== undefined && given !== '') {
    return { url: given, description: 'PostgreSQL of DATABASE_URL', pid: undefined, stop: async () => {} }
  }
  const user = serverUser()
  const cluster = openCluster(dataFolder, user)
  const data = path.join(cluster.home, 'data')
  const binaries = runnableBinaries(user === undefined ? undefined : path.join(sharedFolder(), 'programs'))
  if (!fs.existsSync(path.join(data, 'PG_VERSION'))) await initialise(binaries, cluster, user)

  const description = `PostgreSQL ${binaries.version.split('-')[0]} from npm, data in ${data}`
  const orphan = await livingServer(data, cluster.password)
  if (orphan !== undefined) {
    const { url, pid } = orphan
    return { url, pid, description, stop: () => stopProcess(pid, data) }
  }

  const port = await freePort()
  const child = await start(binaries, data, port, cluster.password, user)
  const pid = child.pid ?? 0
  return { url: urlOf(port, cluster.password), pid, description, stop: () => stopProcess(pid, data) }
}

async function initialise(binaries: PostgresBinaries, cluster: Cluster, user: SystemUser | undefined): Promise<void> {
  const data = path.join(cluster.home, 'data')
  fs.rmSync(data, { recursive: true, force: true }) // half made by a run that was killed
  const passwordFile = path.join(cluster.home, 'password')
  fs.writeFileSync(passwordFile, cluster.password, { mode: 0o600 })
  if (user !== undefined) fs.chownSync(passwordFile, user.uid, user.gid)
  const flags = [
    '-D',
    data,
    '-U',
    'millrace',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--no-locale',
    '-E',
    'UTF8',
  ]
  const child = spawn(binaries.initdb, flags, {
    ...runAs(user),
    cwd: cluster.home,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const failure = await collect(child)
  fs.rmSync(passwordFile, { force: true })
  if (failure !== undefined) throw new Error(`initdb in ${data} failed: ${failure}`)
}

/**
 * In its own process group: Ctrl-C in the terminal must not stop the server before the sinks have written their last
 * rows.
 */
async function start(
  binaries: PostgresBinaries,
  data: string,
  port: number,
  password: string,
  user: SystemUser | undefined,
): Promise<ChildProcess> {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    shared_buffers: '256MB',
    max_wal_size: '4GB',
    wal_level: 'minimal',
    max_wal_senders: '0',
    checkpoint_timeout: '15min',
    maintenance_work_mem: '128MB',
    jit: 'off', // plans of short statements are run thousands of times
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  // The log is a file: a pipe would break with us, and the server would meet SIGPIPE.
  const log = fs.openSync(path.join(path.dirname(data), 'server.log'), 'a')
  const stdio: StdioOptions = ['ignore', log, log]
  const options: SpawnOptions = { ...runAs(user), cwd: path.dirname(data), detached: true, stdio }
  for (let attempt = 1; ; attempt++) {
    const child = spawn(binaries.postgres, ['-D', data, '-p', String(port), ...flags], options)
    let ended = false
    child.once('exit', () => {
      ended = true
    })
    child.once('error', () => {
      ended = true
    })
    while (!ended) {
      if (await answers(urlOf(port, password))) {
        child.unref()
        fs.closeSync(log)
        return child
      }
      await pause(25)
    }
    // Children of a killed server may hold its shared memory for a moment longer.
    if (attempt === 20) {
      const tail = fs
        .readFileSync(path.join(path.dirname(data), 'server.log'), 'utf8')
        .split('\n')
        .slice(-6)
        .join(' | ')
      throw new Error(`PostgreSQL did not start in ${data}: ${tail}`)
    }
    await pause(250)
  }
}

/** The server of the pid file, if it lives and lets us in. */
async function livingServer(data: string, password: string): Promise<{ pid: number; url: string } | undefined> {
  const pidFile = path.join(data, 'postmaster.pid')
  if (!fs.existsSync(pidFile)) return undefined
  const [pidLine = '', , , portLine = ''] = fs.readFileSync(pidFile, 'utf8').split('\n')
  const pid = Number(pidLine)
  for (let attempt = 0; attempt < 40 && isAlive(pid); attempt++) {
    const url = urlOf(Number(portLine), password)
    if (await answers(url)) return { pid, url }
    await pause(50) // it may be recovering
  }
  return undefined
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

/** SIGINT is PostgreSQL's fast shutdown: clients are cut off, everything is checkpointed. */
async function stopProcess(pid: number, data: string): Promise<void> {
  if (pid <= 1 || !isAlive(pid)) return
  process.kill(pid, 'SIGINT')
  for (let waited = 0; isAlive(pid) && fs.existsSync(path.join(data, 'postmaster.pid')); waited += 25) {
    if (waited === 10_000) process.kill(pid, 'SIGQUIT')
    await pause(25)
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function runAs(user: SystemUser | undefined): { uid?: number; gid?: number; env: NodeJS.ProcessEnv } {
  const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' }
  return user === undefined ? { env } : { uid: user.uid, gid: user.gid, env }
}

function urlOf(port: number, password: string): string {
  return `postgres://millrace:${password}@127.0.0.1:${port}/postgres`
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/** What a program said on its way to failing, or undefined when it went well. */
function collect(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2000)
    })
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code) => resolve(code === 0 ? undefined : said || `exit code ${code}`))
  })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
