import { type Complaint, checkArrows, checkGlobals, checkSizesAndNames } from './checks.ts'
import { checkCycles, checkDeadFiles } from './graph.ts'
import { checkLockfile } from './lockfile.ts'
import { readTree, type SourceFile } from './source-file.ts'
import { readUnits, type Unit } from './workspace.ts'

/** Every rule over given files. */
export function complaintsOf(files: readonly SourceFile[], units: readonly Unit[]): Complaint[] {
  return [
    ...checkArrows(files, units),
    ...checkGlobals(files),
    ...checkSizesAndNames(files),
    ...checkDeadFiles(files, units),
    ...checkCycles(files),
  ].sort()
}

/** Every rule over the tree at `root`. */
export function tidy(root: string): { readonly files: number; readonly complaints: readonly Complaint[] } {
  const files = readTree(root)
  return { files: files.length, complaints: [...complaintsOf(files, readUnits(root)), ...checkLockfile(root)] }
}
