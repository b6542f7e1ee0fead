import { readFileSync } from 'node:fs'

/** The names in a list, one a line; lines that begin with # are remarks. */
export function readNames(file: URL): ReadonlySet<string> {
  const lines = readFileSync(file, 'utf8').split('\n')
  return new Set(lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#')))
}

/** What the list and the ledger do not say as it is. */
export function ledgerComplaints(cases: Iterable<string>, passing: ReadonlySet<string>, gaps: string): string[] {
  const complaints: string[] = []
  const known = new Set(cases)
  for (const name of passing) if (!known.has(name)) complaints.push(`pass.txt lists "${name}", which is no case`)
  for (const name of known) {
    const explained = gaps.includes(`**${name}**`)
    if (passing.has(name) && explained) complaints.push(`"${name}" passes, and gaps.md still explains why not`)
    if (!passing.has(name) && !explained) complaints.push(`"${name}" is neither in pass.txt nor explained in gaps.md`)
  }
  return complaints
}
