import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeDisk } from '@millrace/kernel/node'
import { lmdbEngine, memoryEngine } from '@millrace/store'
import { storeConformance } from '@millrace/store/conformance'
import { afterAll, describe, test } from 'vitest'

const root = mkdtempSync(join(tmpdir(), 'millrace-store-'))
let directories = 0
const directory = () => join(root, String(directories++))

afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('memory', () => storeConformance({ test, engine: memoryEngine, directory }))

describe('lmdb', () => storeConformance({ test, engine: () => lmdbEngine({ disk: nodeDisk() }), directory }))
