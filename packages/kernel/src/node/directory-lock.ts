import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { uptime } from 'node:os'
import { join } from 'node:path'
import { codeOf, MillraceError } from '../errors.ts'
import type { DiskLock } from '../ports/disk.ts'

/**
 * A hold on a directory without `flock`, which Node does not have.
 *
 * A claim is an empty file whose *name* says everything, so it is whole from the moment it exists:
 *
 *     .lock.<pid>.<start time of the process>.<boot id>.<nonce>
 *
 * To take the directory: make a claim (`O_EXCL`), then list. Any other claim of a living holder means "in use":
 * withdraw.
 * Of two who come at the same time, whoever lists later sees the other, so never do both stay; both may withdraw, and
 * try
 * again after a random pause. A claim whose process is gone (another boot, no such pid, or a pid with another start
 * time) is removed by whoever sees it: names are never used twice, so that cannot remove a living one.
 *
 * Bound: processes must see each other's pids. Two containers with a shared volume and no shared pid namespace do not.
 */
export function lockDirectory(path: string): DiskLock {
  for (let attempt = 0; ; attempt++) {
    const name = claimName()
    const claim = join(path, name)
    fs.closeSync(fs.openSync(claim, 'wx'))
    const other = livingClaim(path, name)
    if (other === undefined) return { release: () => fs.rmSync(claim, { force: true }) }
    fs.rmSync(claim, { force: true })
    if (attempt === attemptsMax) throw inUse(path, other)
    // A short blocking pause: this runs once, at start.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1 + Math.random() * 10)
  }
}

/** Changes at each boot. Where the system does not tell, the time it came up, in whole minutes. */
export function readBootId(): string {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    return `up-${Math.round((Date.now() / 1000 - uptime()) / 60)}`
  }
}

const attemptsMax = 3
const prefix = '.lock.'

interface Claim {
  readonly pid: number
  readonly startTime: string
  readonly bootId: string
}

function claimName(): string {
  const nonce = randomBytes(6).toString('hex')
  return `${prefix}${process.pid}.${startTimeOf(process.pid) ?? '0'}.${readBootId()}.${nonce}`
}

function parseClaim(name: string): Claim | undefined {
  if (!name.startsWith(prefix)) return undefined
  const [pid, startTime, bootId, nonce] = name.slice(prefix.length).split('.')
  if (pid === undefined || startTime === undefined || bootId === undefined || nonce === undefined) return undefined
  return { pid: Number(pid), startTime, bootId }
}

function livingClaim(path: string, own: string): Claim | undefined {
  let found: Claim | undefined
  for (const name of fs.readdirSync(path)) {
    const claim = name === own ? undefined : parseClaim(name)
    if (claim === undefined) continue
    if (isAlive(claim)) found = claim
    else fs.rmSync(join(path, name), { force: true })
  }
  return found
}

function isAlive(claim: Claim): boolean {
  if (claim.bootId !== readBootId()) return false
  try {
    process.kill(claim.pid, 0)
  } catch (error) {
    if (codeOf(error) !== 'EPERM') return false // EPERM: it lives and belongs to somebody else
  }
  const startTime = startTimeOf(claim.pid)
  return startTime === undefined || claim.startTime === '0' || startTime === claim.startTime
}

/** When the process began, in ticks since boot; undefined where the system does not tell. A zombie counts as gone. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name, in brackets, may hold blanks and brackets of its own: fields are counted from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? 'ended' : fields[19]
  } catch {
    return undefined
  }
}

function inUse(path: string, holder: Claim): MillraceError {
  const who = holder.pid === process.pid ? 'this process already holds it' : `process ${holder.pid} holds it`
  return new MillraceError('DIRECTORY_IN_USE', who, {
    place: path,
    fix: 'Stop that process, or choose another directory.',
  })
}
