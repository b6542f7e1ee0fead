import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { makeFolder } from '../src/folder.ts'

test('a folder is made with those above it; where none can be, the option is named', () => {
  const home = fs.mkdtempSync(path.join(tmpdir(), 'millrace-folder-'))
  try {
    const deep = path.join(home, 'a', 'b')
    makeFolder('--out', deep)
    makeFolder('--out', deep)
    expect(fs.statSync(deep).isDirectory()).toBe(true)
    fs.writeFileSync(path.join(home, 'file'), '')
    expect(() => makeFolder('--out', path.join(home, 'file', 'below'))).toThrow(/^--out: .*Name a folder/)
  } finally {
    fs.rmSync(home, { recursive: true })
  }
})

test.runIf(fs.existsSync('/proc'))('a place that takes no folders is refused at once', () => {
  expect(() => makeFolder('--data', '/proc/none/below')).toThrow(/^--data: /)
})
