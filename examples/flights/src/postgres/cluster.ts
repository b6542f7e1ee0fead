import { createHash, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import type { SystemUser } from './unprivileged-user.ts'

/** What is remembered of a cluster between runs, beside its data. */
export interface Cluster {
  readonly home: string
  readonly password: string
}

/** As root the cluster lies where its user can reach it: the data folder may be in a home that only root may enter. */
export function openCluster(dataFolder: string, user: SystemUser | undefined): Cluster {
  fs.mkdirSync(dataFolder, { recursive: true })
  const file = path.join(dataFolder, 'postgres.json')
  if (fs.existsSync(file)) {
    const kept: unknown = JSON.parse(fs.readFileSync(file, 'utf8'))
    if (isCluster(kept) && fs.existsSync(kept.home)) return kept
  }
  const absolute = fs.realpathSync(dataFolder)
  const id = createHash('sha256').update(absolute).digest('hex').slice(0, 12)
  const home = user === undefined ? path.join(absolute, 'postgres') : path.join(sharedFolder(), `cluster-${id}`)
  const cluster = { home, password: randomBytes(18).toString('base64url') }
  fs.rmSync(home, { recursive: true, force: true }) // a cluster whose password is lost is of no use
  fs.mkdirSync(home, { recursive: true, mode: 0o700 })
  if (user !== undefined) fs.chownSync(home, user.uid, user.gid)
  fs.writeFileSync(file, `${JSON.stringify(cluster)}\n`, { mode: 0o600 })
  return cluster
}

function isCluster(value: unknown): value is Cluster {
  return (
    typeof value === 'object' &&
    value !== null &&
    'home' in value &&
    typeof value.home === 'string' &&
    'password' in value &&
    typeof value.password === 'string'
  )
}

/**
 * A folder of root's in /var/tmp that others may enter. Whoever else made one of that name gets no say in what we
 * run.
 */
export function sharedFolder(): string {
  const folder = '/var/tmp/millrace-postgres'
  fs.mkdirSync(folder, { recursive: true, mode: 0o755 })
  const stat = fs.lstatSync(folder)
  if (!stat.isDirectory() || stat.uid !== 0 || (stat.mode & 0o022) !== 0) {
    throw new Error(`${folder} belongs to somebody else. Remove it, or set DATABASE_URL.`)
  }
  return folder
}
