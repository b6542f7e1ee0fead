import fs from 'node:fs'
import path from 'node:path'
import type { Complaint } from './checks.ts'

/**
 * `npm ci` refuses a lockfile in which a platform's optional package is missing, and npm leaves such packages out when
 * the registry it installs from lacks them. And no entry may name a registry's host.
 */
export function checkLockfile(root: string): Complaint[] {
  const file = path.join(root, 'package-lock.json')
  if (!fs.existsSync(file)) return ['package-lock.json: is missing']
  return lockfileComplaints(JSON.parse(fs.readFileSync(file, 'utf8')))
}

export function lockfileComplaints(lock: unknown): Complaint[] {
  const packages = entries(field(lock, 'packages'))
  const present = new Set(packages.map(([place]) => place))
  const complaints: Complaint[] = []
  for (const [place, entry] of packages) {
    const resolved = field(entry, 'resolved')
    if (typeof resolved === 'string' && /^https?:/.test(resolved)) {
      complaints.push(
        `package-lock.json: ${place} names a registry's host; set omit-lockfile-registry-resolved in .npmrc`,
      )
    }
    for (const [name, version] of entries(field(entry, 'optionalDependencies'))) {
      if (present.has(`node_modules/${name}`) || present.has(`${place}/node_modules/${name}`)) continue
      complaints.push(`package-lock.json: ${name}@${String(version)} of ${place} is missing; add its entry by hand`)
    }
  }
  return complaints
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

function entries(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : []
}
